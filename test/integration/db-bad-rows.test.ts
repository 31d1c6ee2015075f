import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { newId } from '@bullpen/core';
import { getRun, listRunEvents, type NewRun } from '@bullpen/db';

import { ORG, createDbFixture, success, type DbFixture } from './db-fixture.ts';

let fixture: DbFixture;
beforeAll(async () => { fixture = await createDbFixture(); });
afterAll(() => fixture[Symbol.asyncDispose]());

/** What the API checks for; here one slips through. */
const BAD_RUNS: [string, Partial<NewRun>][] = [
  ['a NUL in its input', { inputJson: '"a\\u0000b"' }],
  ['a bare NUL in its metadata', { metadata: { key: 'a\0b' } }],
  ['a lone surrogate in its input', { inputJson: '"\\ud800"' }],
  ['input that is no JSON', { inputJson: '{"n":' }],
  ['input that would end its own row and begin another', { inputJson: '1","evil"},{"' }],
  ['a version that is gone', { versionId: 'ver_gone' }],
  ['an organization that is gone', { orgId: 'gone' }],
  ['a limit that no run has', { timeoutMs: 0 }],
  ['a number beyond the column', { timeoutMs: 2 ** 40 }],
  ['input nested beyond what Postgres parses', { inputJson: '['.repeat(100_000) }],
];

describe('a bad row among good ones', () => {
  it.each(BAD_RUNS)('fails alone: %s', async (_, bad) => {
    const { db, store, newRun } = fixture;
    const runs = Array.from({ length: 30 }, (_unused, n) => newRun(n === 17 ? bad : {}));
    const settled = await Promise.allSettled(runs.map((run) => store.insert(run)));
    expect(settled.map(({ status }) => status)).toEqual(runs.map((_run, n) => (n === 17 ? 'rejected' : 'fulfilled')));
    expect(settled[17]).toMatchObject({ reason: { code: 'RECORD_FAILED', retryable: false } });
    const good = runs.filter((_run, n) => n !== 17);
    expect(await Promise.all(good.map(async ({ id }) => (await getRun(db, ORG, id)).state))).toEqual(good.map(() => 'queued'));
  });

  it('fails alone also among many bad ones', async () => {
    const { store, newRun } = fixture;
    const runs = Array.from({ length: 60 }, (_, n) => newRun(n % 3 === 0 ? { versionId: 'ver_gone' } : {}));
    const settled = await Promise.allSettled(runs.map((run) => store.insert(run)));
    expect(settled.map(({ status }) => status)).toEqual(runs.map((_, n) => (n % 3 === 0 ? 'rejected' : 'fulfilled')));
  });
});

describe('a result that Postgres refuses', () => {
  it('fails alone, and its run can still be finished', async () => {
    const { db, store, claimed } = fixture;
    const runs = await Promise.all(Array.from({ length: 20 }, () => claimed()));
    const settled = await Promise.allSettled(runs.map((run, n) => store.finish(success(run, n === 3 ? { resultJson: '"\\u0000"' } : {}))));
    expect(settled.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'RECORD_FAILED' } }]);
    const bad = runs[3];
    if (!bad) throw new Error('no run');
    expect(await getRun(db, ORG, bad.runId)).toMatchObject({ state: 'running' });
    const error = { code: 'RESULT_NOT_STORABLE', message: 'no' };
    expect(await store.finish(success(bad, { state: 'failed', resultJson: null, error }))).toBe(true);
  });

  it('cannot write into another run', async () => {
    const { db, store, claimed } = fixture;
    const [victim, attacker] = [await claimed(), await claimed()];
    const resultJson = `1","${victim.runId}","x`;
    await expect(store.finish(success(attacker, { resultJson }))).rejects.toMatchObject({ code: 'RECORD_FAILED' });
    expect(await getRun(db, ORG, victim.runId)).toMatchObject({ state: 'running', result: null });
  });
});

describe('events that Postgres refuses', () => {
  it('fail alone, and those of a run that is gone are not kept', async () => {
    const { db, store, claimed } = fixture;
    const runs = [...await Promise.all(Array.from({ length: 10 }, () => claimed())), { runId: newId('run'), lease: 1 }];
    const settled = await Promise.allSettled(runs.map(({ runId, lease }, n) => store.appendEvents({
      orgId: ORG, runId, lease,
      events: [{ seq: lease * 1_000_000, attempt: 1, at: '2026-01-01T00:00:00.000Z', event: { type: 'emit', name: 'n', data: n === 9 ? '\0' : null } }],
    })));
    expect(settled.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => ({ status: 'fulfilled', value: true })));
    expect(settled[9]).toMatchObject({ status: 'rejected', reason: { code: 'RECORD_FAILED' } });
    expect(settled[10]).toEqual({ status: 'fulfilled', value: false });
    const kept = await Promise.all(runs.map(({ runId }) => listRunEvents(db, ORG, runId, -1, 10)));
    expect(kept.map(({ length }) => length)).toEqual([...Array.from({ length: 9 }, () => 1), 0, 0]);
  });
});
