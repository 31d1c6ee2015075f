import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Deadline, newId, runSchema, runSummarySchema, silentLogger, systemClock, type Clock, type KillReceipt } from '@bullpen/core';
import {
  MAX_REDELIVERIES, adminExpireDueRuns, adminListCancelRequested, adminListRunningRuns, adminListWaitingRuns, createRunStore, firstEventSeq, getRun,
} from '@bullpen/db';

import { ORG, claimOf, createDbFixture, success, type DbFixture } from './db-fixture.ts';

const error = { code: 'AGENT_THREW', message: 'no luck', stack: 'Error: no luck\n  at agent.js:1' };
const usage = { wallMs: 1.5, cpuMs: 1, peakHeapMb: 4, peakExternalMb: 0, gbSeconds: 0.01 };

let fixture: DbFixture;
/** Postgres keeps milliseconds; so does this clock, and it goes where a test sends it. */
let aheadMs = 0;
const clock: Clock = { nowMs: () => systemClock.nowMs() + aheadMs, monotonicMs: () => systemClock.monotonicMs() };
beforeAll(async () => { fixture = await createDbFixture({ clock }); });
afterAll(() => fixture[Symbol.asyncDispose]());

async function laterBy<T>(ms: number, act: () => Promise<T>): Promise<T> {
  aheadMs = ms;
  try {
    return await act();
  } finally {
    aheadMs = 0;
  }
}

async function storedRun(runId: string) {
  return runSchema.parse(await getRun(fixture.db, ORG, runId));
}

describe('a new run', () => {
  it('is what is read back, every field of it', async () => {
    const { store, newRun } = fixture;
    const inputs = ['null', '"12"', '12', '{"a":[1,{"b":"say \\"hi\\" {,} \\\\ \\u00e9 😀"}]}', '[]', '1e-7', 'false'];
    for (const inputJson of inputs) {
      const { run, created } = await store.insert(newRun({ inputJson, delayMs: 60_000, ttlMs: 90_000, metadata: { 'ключ "': 'a\\b' } }));
      expect(created).toBe(true);
      expect(await storedRun(run.id)).toEqual(run);
      expect(run).toMatchObject({ state: 'scheduled', input: JSON.parse(inputJson) });
    }
    const { run } = await store.insert(newRun());
    expect(await storedRun(run.id)).toEqual(run);
    expect(run).toMatchObject({ state: 'queued', attempt: 0, notBefore: null, expiresAt: null });
  });

  it('with a key that was used for the same request is the earlier one', async () => {
    const { store, newRun } = fixture;
    const keyed = { idempotencyKey: newId('request'), requestHash: 'h1' };
    const made = await Promise.all(Array.from({ length: 20 }, () => store.insert(newRun(keyed))));
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(made.map(({ run }) => run.id)).size).toBe(1);
    await expect(store.insert(newRun({ ...keyed, requestHash: 'h2' }))).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  it('is a new run where its key is older than a day, and the older run keeps all but the key', async () => {
    const { store, newRun, db } = fixture;
    const keyed = { idempotencyKey: newId('request'), requestHash: 'h1' };
    const { run: old } = await store.insert(newRun(keyed));
    const ofSchedule = { idempotencyKey: `schedule ${newId('schedule')} 2026-01-01`, requestHash: 'h' };
    const { run: scheduled } = await store.insert(newRun(ofSchedule));
    const ofBatch = { idempotencyKey: `${newId('request')} 0`, requestHash: `${'0a'.repeat(32)}:0` };
    const { run: batched } = await store.insert(newRun(ofBatch));
    const almost = await store.insert(newRun(keyed));
    expect([almost.created, almost.run.id]).toEqual([false, old.id]);
    await db.sql`UPDATE runs SET queued_at = queued_at - interval '25 hours', state = 'cancelled', finished_at = queued_at WHERE id IN (${old.id}, ${scheduled.id}, ${batched.id})`;
    const made = await Promise.all(Array.from({ length: 10 }, () => store.insert(newRun({ ...keyed, requestHash: 'h2' }))));
    expect(made.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(made.map(({ run }) => run.id))).toEqual(new Set([made[0]?.run.id]));
    expect(made[0]?.run.id).not.toBe(old.id);
    expect(await getRun(db, ORG, old.id)).toMatchObject({ id: old.id, state: 'cancelled' });
    expect(await store.insert(newRun(ofBatch))).toMatchObject({ created: true });
    // What Bullpen keys itself happens once, however late it is asked for again.
    expect(await store.insert(newRun(ofSchedule))).toMatchObject({ created: false, run: { id: scheduled.id } });
  });

  it('is the same for all that come at once with a key that is older than a day', async () => {
    const { store, newRun, db } = fixture;
    for (let round = 0; round < 60; round += 1) {
      const keyed = { idempotencyKey: newId('request'), requestHash: 'h1' };
      const { run: old } = await store.insert(newRun(keyed));
      await db.sql`UPDATE runs SET queued_at = queued_at - interval '25 hours', state = 'cancelled', finished_at = queued_at WHERE id = ${old.id}`;
      const made = await Promise.all(Array.from({ length: 10 }, () => store.insert(newRun({ ...keyed, requestHash: 'h2' }))));
      expect(new Set(made.map(({ run }) => run.id)).size).toBe(1);
      expect(made.filter(({ created }) => created)).toHaveLength(1);
    }
  });

  it('shares its key with no other organization and no other key', async () => {
    const { store, newRun } = fixture;
    const others = await Promise.all(['a', 'b'].map((idempotencyKey) => store.insert(newRun({ idempotencyKey, requestHash: 'h' }))));
    expect(others.every(({ created }) => created)).toBe(true);
  });
});

describe('a claim', () => {
  it('begins an attempt with everything a worker needs', async () => {
    const { store, newRun } = fixture;
    const { run } = await store.insert(newRun({ inputJson: '{"x":[1,2]}', delayMs: 5 }));
    const claimed = await claimOf(store, run.id, 'wkr_9');
    expect(claimed).toMatchObject({
      orgId: ORG, runId: run.id, agent: 'echo', version: 1, sha256: fixture.version.sha256, attempt: 1, maxAttempts: 3, lease: 1,
      tier: 'basic', timeoutMs: 30_000, memoryMb: 64, backoff: { baseMs: 100, maxMs: 1000, jitter: false }, metadata: { who: 'test' },
      queuedAtMs: Date.parse(run.queuedAt), notBeforeMs: Date.parse(run.notBefore ?? ''),
    });
    expect(JSON.parse(claimed.inputJson)).toEqual({ x: [1, 2] });
    expect(await storedRun(run.id)).toMatchObject({
      state: 'running', attempt: 1, workerId: 'wkr_9', claimedAt: new Date(claimed.claimedAtMs).toISOString(), finishedAt: null,
    });
  });

  it('of a running run takes it over: the same attempt under a higher lease', async () => {
    const { store, claimed } = fixture;
    const first = await claimed();
    const second = await claimOf(store, first.runId, 'wkr_2');
    expect(second).toMatchObject({ attempt: 1, lease: first.lease + 1 });
    expect(await store.finish(success(first))).toBe(false);
    expect(await storedRun(first.runId)).toMatchObject({ state: 'running', workerId: 'wkr_2' });
    expect(await store.finish(success(second))).toBe(true);
  });

  it('of a run that was lost too often ends it as crashed', async () => {
    const { store, claimed } = fixture;
    const { runId } = await claimed();
    for (let n = 0; n < MAX_REDELIVERIES; n += 1) await claimOf(store, runId);
    const result = await store.claim({ orgId: ORG, runId, workerId: 'wkr_1' });
    expect(result).toMatchObject({ kind: 'exhausted', run: { state: 'crashed', attempt: 1, error: { code: 'WORKER_LOST' } } });
    if (result.kind === 'exhausted') runSummarySchema.parse(result.run);
    expect(await storedRun(runId)).toMatchObject({ state: 'crashed' });
  });

  it('of a run whose time-to-live passed expires it, but only before its first attempt', async () => {
    const { store, newRun, claimed } = fixture;
    const { run } = await store.insert(newRun({ ttlMs: 1000 }));
    await laterBy(2000, async () => {
      expect(await store.claim({ orgId: ORG, runId: run.id, workerId: 'w' })).toMatchObject({ kind: 'expired', run: { state: 'expired', error: { code: 'EXPIRED' } } });
    });
    expect(await storedRun(run.id)).toMatchObject({ state: 'expired', attempt: 0, workerId: null });
    const begun = await claimed({ ttlMs: 1000 });
    await store.retry({ ...begun, error, usage, startedAtMs: null, notBeforeMs: clock.nowMs() });
    await laterBy(2000, async () => {
      expect(await claimOf(store, begun.runId)).toMatchObject({ attempt: 2 });
    });
  });

  it('says what it found where there is nothing to claim', async () => {
    const { store, claimed } = fixture;
    const done = await claimed();
    await store.finish(success(done));
    expect(await store.claim({ orgId: ORG, runId: done.runId, workerId: 'w' })).toEqual({ kind: 'terminal', state: 'succeeded' });
    expect(await store.claim({ orgId: ORG, runId: newId('run'), workerId: 'w' })).toEqual({ kind: 'missing' });
    expect(await store.claim({ orgId: 'other', runId: done.runId, workerId: 'w' })).toEqual({ kind: 'missing' });
  });

  it('of a run that was to be cancelled ends it', async () => {
    const { store, claimed } = fixture;
    const { runId, lease } = await claimed();
    await store.requestCancel(ORG, runId);
    expect(await store.release({ orgId: ORG, runId, lease, reason: 'shutdown' })).toBe(true);
    expect(await store.claim({ orgId: ORG, runId, workerId: 'w' })).toMatchObject({ kind: 'cancelled', run: { state: 'cancelled', error: { code: 'CANCELLED' } } });
  });
});

describe('the end of an attempt', () => {
  it('keeps the receipt of the last kill, whatever the attempts after it come to', async () => {
    const { store, claimed } = fixture;
    const run = await claimed({ limits: { cpuMs: 5 } });
    expect(run.limits).toEqual({ cpuMs: 5 });
    const kill: KillReceipt = {
      attempt: 1, by: 'limit', detail: 'cpuMs', requestedAt: '2026-01-01T00:00:00.000Z', signal: 'SIGKILL', deadAt: '2026-01-01T00:00:00.010Z', reclaimedMb: 12.5,
    };
    await store.retry({ ...run, error, usage, kill, startedAtMs: null, notBeforeMs: clock.nowMs() });
    expect(await storedRun(run.runId)).toMatchObject({ kill, limits: { cpuMs: 5 } });
    const again = await claimOf(store, run.runId);
    await store.release({ orgId: ORG, runId: run.runId, lease: again.lease, reason: 'pool_pressure', kill: { ...kill, by: 'pool_pressure' } });
    expect(await storedRun(run.runId)).toMatchObject({ state: 'queued', kill: { by: 'pool_pressure' } });
    await store.finish(success(await claimOf(store, run.runId)));
    expect(await storedRun(run.runId)).toMatchObject({ state: 'succeeded', kill: { by: 'pool_pressure' } });
  });

  it('is recorded with result, usage and times', async () => {
    const { store, claimed } = fixture;
    const run = await claimed();
    expect(await store.finish(success(run, { resultJson: '"12"' }))).toBe(true);
    expect(await storedRun(run.runId)).toMatchObject({
      state: 'succeeded', result: '12', error: null, usage: success(run).usage, startedAt: '2023-11-14T22:13:20.100Z', finishedAt: '2023-11-14T22:13:20.112Z',
    });
    expect(await store.finish(success(run))).toBe(false);
  });

  it('may be a failure of every kind, but not an expiry', async () => {
    const { store, claimed } = fixture;
    for (const state of ['failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed', 'cancelled'] as const) {
      const run = await claimed();
      expect(await store.finish(success(run, { state, resultJson: null, error, usage: null, startedAtMs: null }))).toBe(true);
      expect(await storedRun(run.runId)).toMatchObject({ state, result: null, error, usage: null, startedAt: null });
    }
    await expect(store.finish(success(await claimed(), { state: 'expired' }))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('that is retried keeps its error, waits, and the next attempt counts', async () => {
    const { store, claimed } = fixture;
    const first = await claimed();
    const notBeforeMs = 1_900_000_000_000;
    expect(await store.retry({ ...first, error, usage, startedAtMs: first.claimedAtMs, notBeforeMs })).toBe(true);
    expect(await storedRun(first.runId)).toMatchObject({ state: 'retrying', attempt: 1, error, usage, notBefore: new Date(notBeforeMs).toISOString(), finishedAt: null });
    expect(await claimOf(store, first.runId)).toMatchObject({ attempt: 2, lease: 2, notBeforeMs });
  });

  it('that is given back was no attempt', async () => {
    const { store, claimed } = fixture;
    const first = await claimed();
    expect(await store.release({ ...first, reason: 'shutdown' })).toBe(true);
    expect(await storedRun(first.runId)).toMatchObject({ state: 'queued', attempt: 0, workerId: null, claimedAt: null });
    expect(await store.release({ ...first, reason: 'shutdown' })).toBe(false);
    expect(await claimOf(store, first.runId)).toMatchObject({ attempt: 1, lease: 2 });
  });
});

describe('a cancel', () => {
  it('ends a waiting run at once', async () => {
    const { store, newRun } = fixture;
    const { run } = await store.insert(newRun({ delayMs: 60_000 }));
    const { run: cancelled, outcome, workerId } = await store.requestCancel(ORG, run.id);
    expect(runSchema.parse(cancelled)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect({ outcome, workerId }).toEqual({ outcome: 'cancelled', workerId: null });
    await expect(store.requestCancel(ORG, run.id)).rejects.toMatchObject({ code: 'RUN_ALREADY_FINISHED', facts: { state: 'cancelled' } });
  });

  it('marks a running run for its worker, and the run is not retried any more', async () => {
    const { db, store, claimed } = fixture;
    const run = await claimed();
    expect(await store.cancelWaiting(ORG, run.runId)).toBeNull();
    expect(await store.requestCancel(ORG, run.runId)).toMatchObject({ outcome: 'requested', workerId: 'wkr_1', run: { state: 'running' } });
    expect(await store.requestCancel(ORG, run.runId)).toMatchObject({ outcome: 'requested' });
    expect(await adminListCancelRequested(db, 'wkr_1')).toEqual([{ orgId: ORG, runId: run.runId }]);
    expect(await store.retry({ ...run, error, usage, startedAtMs: null, notBeforeMs: clock.nowMs() })).toBe(false);
    expect(await store.finish(success(run, { state: 'cancelled' }))).toBe(true);
    expect(await adminListCancelRequested(db, 'wkr_1')).toEqual([]);
  });

  it('finds nothing of another organization', async () => {
    const { runId } = await fixture.claimed();
    await expect(fixture.store.requestCancel('other', runId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await fixture.store.cancelWaiting('other', runId)).toBeNull();
  });
});

describe('what the reconciler asks', () => {
  it('lists waiting runs by age, page after page', async () => {
    const { db, store, newRun } = fixture;
    const made = [await store.insert(newRun({ memoryMb: 128, delayMs: 60_000 })), await store.insert(newRun())];
    const afterId = made[0]?.run.id.slice(0, -1) ?? '';
    const rows = await adminListWaitingRuns(db, { olderThanMs: 0, afterId, limit: 1 });
    expect(rows).toEqual([{ orgId: ORG, runId: made[0]?.run.id, agent: 'echo', version: 1, memoryMb: 128, priority: 5, fairnessKey: null, notBeforeMs: Date.parse(made[0]?.run.notBefore ?? '') }]);
    const rest = await adminListWaitingRuns(db, { olderThanMs: 0, afterId: rows[0]?.runId ?? '', limit: 10 });
    expect(rest.map((row) => row.runId)).toEqual([made[1]?.run.id]);
    expect(await adminListWaitingRuns(db, { olderThanMs: 3_600_000, limit: 10 })).toEqual([]);
  });

  it('lists running runs by when they were claimed', async () => {
    const run = await fixture.claimed();
    const rows = await adminListRunningRuns(fixture.db, { claimedBeforeMs: run.claimedAtMs + 1, limit: 1000 });
    expect(rows).toContainEqual({ orgId: ORG, runId: run.runId, workerId: 'wkr_1', lease: 1, agent: 'echo', version: 1, memoryMb: 64, priority: 5, fairnessKey: null });
    expect(await adminListRunningRuns(fixture.db, { claimedBeforeMs: run.claimedAtMs - 3_600_000, limit: 1000 })).toEqual([]);
  });

  it('expires what waited too long, once', async () => {
    const { db, store, newRun } = fixture;
    const { run } = await laterBy(-10_000, () => store.insert(newRun({ ttlMs: 5000 })));
    const expired = (await Promise.all([adminExpireDueRuns(db, 100), adminExpireDueRuns(db, 100)])).flat();
    expect(expired).toMatchObject([{ orgId: ORG, runId: run.id, run: { state: 'expired', error: { code: 'EXPIRED' } } }]);
    expect(await storedRun(run.id)).toMatchObject({ state: 'expired' });
  });
});

describe('the store as a service', () => {
  it('writes what was submitted before it stops, refuses the rest, and starts again', async () => {
    const { db, newRun } = fixture;
    const store = createRunStore({ db, clock, log: silentLogger });
    await store.stop(Deadline.in(1000));
    for (let n = 0; n < 3; n += 1) {
      await store.start();
      const writes = Array.from({ length: 300 }, () => store.insert(newRun()));
      await store.quiesce();
      const stopped = store.stop(Deadline.in(10_000));
      await expect(store.insert(newRun())).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      await stopped;
      expect((await Promise.all(writes)).every(({ created }) => created)).toBe(true);
      await store.stop(Deadline.in(1000));
    }
  });
});

describe('statements of one row, whose plans are kept', () => {
  it('find it by a key, also where they were planned while the table was empty', async () => {
    await using fresh = await createDbFixture();
    const { keyed, sql } = fresh.db;
    const run = await fresh.claimed();
    const eventsUnder = (lease: number) => ({ ...run, lease, events: [{ seq: firstEventSeq(lease), attempt: 1, at: new Date().toISOString(), event: { type: 'emit' as const, name: 'x', data: 1 } }] });
    expect(await fresh.store.appendEvents(eventsUnder(run.lease))).toBe(true);
    expect(await fresh.store.appendEvents(eventsUnder(run.lease + 1))).toBe(false);
    await fresh.store.retry({ ...run, error: { code: 'AGENT_THREW', message: 'x' }, usage: null, startedAtMs: null, notBeforeMs: 0 });
    const again = await claimOf(fresh.store, run.runId);
    await fresh.store.release({ ...again, reason: 'shutdown' });
    await fresh.store.finish(success(await claimOf(fresh.store, run.runId)));
    await fresh.store.requestCancel(ORG, (await fresh.store.insert(fresh.newRun())).run.id);
    const [settings] = await keyed<{ settings: string }[]>`
      SELECT string_agg(format('SET LOCAL %I = %L', name, setting), '; ') AS settings FROM pg_settings WHERE source = 'client' AND name ~ '^(enable_|plan_cache)'`;
    expect(settings?.settings).toMatch(/force_generic_plan/);
    // Whichever connection answers: each kind was sent on one of them.
    const prepared = await Promise.all(Array.from({ length: 12 }, () => keyed<{ statement: string; types: string }[]>`
      SELECT statement, array_to_string(parameter_types, ', ') AS types FROM pg_prepared_statements WHERE statement ~ '^\\s*(WITH|UPDATE runs r|INSERT INTO run_events|SELECT given)'`));
    const texts = new Map(prepared.flat().map(({ statement, types }) => [statement, types]));
    // Claim, finish, retry, release, cancel, events, and whose events were fenced out.
    expect(texts.size).toBe(7);
    await sql`TRUNCATE runs CASCADE`;
    for (const [statement, types] of texts) {
      const nulls = types.split(', ').map(() => 'NULL').join(', ');
      // One message is one transaction: the settings go with it.
      const results = await sql.unsafe<{ 'QUERY PLAN': string }[][]>(`${settings?.settings}; PREPARE kept (${types}) AS ${statement}; EXPLAIN EXECUTE kept (${nulls}); DEALLOCATE kept`);
      const plan = results.flat().map((row) => row['QUERY PLAN'] ?? '').join('\n');
      expect(plan).toMatch(/Index Scan using runs_(pkey|newest) on runs r.*\n +Index Cond: \(?(\(org_id = \$\d+\) AND )?\(id = \$\d+\)/);
      expect(plan).not.toMatch(/Filter: .*\(id = /);
      expect(plan).not.toMatch(/Seq Scan on runs/);
    }
  });
});
