import { describe, expect, it } from '@jest/globals';

import { BullpenError } from '@bullpen/core';

import { classifyFailure, constraintOf, reaching, reading } from './postgres-errors.ts';

const withCode = (code: string) => Object.assign(new Error(code), { code });

describe('a failed statement', () => {
  it.each(['CONNECTION_CLOSED', 'ECONNREFUSED', '57P01', '08006', '53300', '40P01', '25006'])('may succeed later after %s', (code) => {
    expect(classifyFailure(withCode(code))).toBe('unavailable');
  });

  it.each(['22021', '22P02', '23503', '23514', '54000'])('has a bad row after %s', (code) => {
    expect(classifyFailure(withCode(code))).toBe('row');
  });

  it.each(['42P01', '42601', 'UNDEFINED_VALUE'])('is our own fault after %s', (code) => {
    expect(classifyFailure(withCode(code))).toBe('other');
  });

  it('is read through the error that wraps it', () => {
    expect(classifyFailure(new Error('Failed query', { cause: withCode('23505') }))).toBe('row');
    expect(classifyFailure(new AggregateError([withCode('ECONNREFUSED')]))).toBe('unavailable');
    expect(constraintOf(new Error('Failed query', { cause: { constraint_name: 'runs_version' } }))).toBe('runs_version');
  });

  it('is nothing that can be classified when it has no code', () => {
    expect(classifyFailure(null)).toBe('other');
    expect(classifyFailure('text')).toBe('other');
  });
});

describe('reaching Postgres', () => {
  it('names a lost connection SERVICE_UNAVAILABLE and keeps its cause', async () => {
    const cause = withCode('CONNECTION_CLOSED');
    await expect(reaching(() => Promise.reject(cause))).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true, cause });
  });

  it('lets every other error through', async () => {
    const ours = new BullpenError('NOT_FOUND', 'no');
    await expect(reaching(() => Promise.reject(ours))).rejects.toBe(ours);
    await expect(reaching(() => Promise.reject(withCode('42601')))).rejects.toMatchObject({ code: '42601' });
  });
});

describe('reading', () => {
  const answers = (...failures: (Error | string)[]) => {
    let tries = 0;
    return async () => {
      const next = failures[tries];
      tries += 1;
      if (next instanceof Error) throw next;
      return next;
    };
  };

  it('tries again after a lost connection, and gives the answer', async () => {
    expect(await reading(answers(withCode('57P01'), withCode('CONNECTION_CLOSED'), 'rows'))).toBe('rows');
  });

  it('tries once more after a lost connection of which it heard late', async () => {
    let nowMs = 0;
    const clock = { nowMs: () => 0, monotonicMs: () => (nowMs += 5000) };
    expect(await reading(answers(withCode('CONNECTION_CLOSED'), 'rows'), clock)).toBe('rows');
    await expect(reading(answers(withCode('CONNECTION_CLOSED'), withCode('CONNECTION_CLOSED'), 'rows'), clock)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('gives up in time, and does not repeat what would fail again', async () => {
    let nowMs = 0;
    const clock = { nowMs: () => 0, monotonicMs: () => (nowMs += 600) };
    await expect(reading(answers(...Array.from({ length: 9 }, () => withCode('ECONNREFUSED'))), clock)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await expect(reading(answers(withCode('42601'), 'rows'))).rejects.toMatchObject({ code: '42601' });
  });
});
