import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';

import { ERROR_CODES, ERROR_REGISTRY, renderErrorTable } from './error-registry.ts';
import { BullpenError, errorCodeOf, messageOf } from './errors.ts';
import { parseOrThrow, toProblem } from './problem.ts';
import { createRunSchema } from './run-schemas.ts';

describe('the error registry', () => {
  it('stands in docs/errors.md as it stands here', () => {
    const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    expect(page).toContain(renderErrorTable());
  });

  it('gives every code an HTTP error status and a sentence', () => {
    for (const code of ERROR_CODES) {
      expect(ERROR_REGISTRY[code].status).toBeGreaterThanOrEqual(400);
      expect(ERROR_REGISTRY[code].meaning).toMatch(/\.$/);
    }
  });

  it('finds the code of what was thrown without trusting its class', () => {
    expect(errorCodeOf({ code: 'NOT_FOUND' })).toBe('NOT_FOUND');
    expect(errorCodeOf({ code: 'ENOENT' })).toBeUndefined();
    expect(errorCodeOf(null)).toBeUndefined();
  });

  it('describes anything that can be thrown', () => {
    expect(messageOf(null)).toBe('null');
    expect(messageOf(new Error(''))).toBe('Error');
    expect(messageOf({ get message() { throw new Error('no'); } })).toMatch(/cannot be described/);
  });
});

describe('problem documents', () => {
  it('name the fields of a bad request', () => {
    expect(() => parseOrThrow(createRunSchema, { agent: 'No Such' })).toThrow(BullpenError);
    try {
      parseOrThrow(createRunSchema, { agent: 'No Such' });
    } catch (error) {
      expect(toProblem(error, 'req_1')).toMatchObject({ status: 400, code: 'INVALID_REQUEST', requestId: 'req_1', issues: [{ path: 'agent' }] });
    }
  });

  it('say nothing of the insides of an unknown fault', () => {
    const problem = toProblem(new Error('password=hunter2'));
    expect(problem).toMatchObject({ code: 'INTERNAL', status: 500 });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });
});
