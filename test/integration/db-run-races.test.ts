import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { silentLogger, systemClock } from '@bullpen/core';
import { createDatabase, createRunStore, getRun, type ClaimResult, type Database, type RunStore } from '@bullpen/db';

import { ORG, claimOf, createDbFixture, success, type DbFixture } from './db-fixture.ts';

/** Races between two processes: two stores, each with connections of its own. Repeated, so that both orders come up. */
const ROUNDS = 40;

let fixture: DbFixture;
let otherDb: Database;
let stores: [RunStore, RunStore];
beforeAll(async () => {
  fixture = await createDbFixture();
  otherDb = createDatabase({ url: fixture.url });
  stores = [fixture.store, createRunStore({ db: otherDb, clock: systemClock, log: silentLogger })];
});
afterAll(async () => {
  await otherDb.sql.end();
  await fixture[Symbol.asyncDispose]();
});

const claimedIn = (result: ClaimResult) => (result.kind === 'claimed' ? result.run : null);

describe('two writers at the same moment', () => {
  it('claim a run as first claim and takeover, and only the later lease can finish it', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { run } = await fixture.store.insert(fixture.newRun());
      const results = await Promise.all(stores.map((store, n) => store.claim({ orgId: ORG, runId: run.id, workerId: `wkr_${n}` })));
      const runs = results.map(claimedIn).filter((one) => one !== null).sort((a, b) => a.lease - b.lease);
      expect(runs).toMatchObject([{ lease: 1, attempt: 1 }, { lease: 2, attempt: 1 }]);
      const finished = await Promise.all(runs.map((one, n) => (stores[n] as RunStore).finish(success(one, { resultJson: `${one.lease}` }))));
      expect(finished).toEqual([false, true]);
      expect(await getRun(fixture.db, ORG, run.id)).toMatchObject({ state: 'succeeded', result: 2, attempt: 1 });
    }
  });

  it('claim the same two hundred runs in opposite orders without waiting in a circle', async () => {
    const made = await Promise.all(Array.from({ length: 200 }, () => fixture.store.insert(fixture.newRun())));
    const ids = made.map(({ run }) => run.id);
    const claims = await Promise.all([ids, [...ids].reverse()].flatMap((order, n) =>
      order.map((runId) => (stores[n] as RunStore).claim({ orgId: ORG, runId, workerId: `wkr_${n}` }))));
    const leases = Map.groupBy(claims.map(claimedIn), (run) => run?.runId);
    expect([...leases.values()].every((runs) => runs.map((run) => run?.lease).sort().join() === '1,2')).toBe(true);
    expect(leases.size).toBe(200);
  });

  it('cancel a waiting run and claim it: it runs or it is cancelled, and both hear the same', async () => {
    const seen = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const { run } = await fixture.store.insert(fixture.newRun());
      const [cancel, claim] = await Promise.all([
        stores[0].requestCancel(ORG, run.id),
        stores[1].claim({ orgId: ORG, runId: run.id, workerId: 'wkr_1' }),
      ]);
      expect(claim).toMatchObject(cancel.outcome === 'cancelled' ? { kind: 'terminal', state: 'cancelled' } : { kind: 'claimed' });
      seen.add(cancel.outcome);
    }
    expect(seen.size).toBeGreaterThan(0);
  });

  it('cancel a running run and finish it: the record is one of the two, told to exactly one', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const run = await fixture.claimed();
      const [cancel, finished] = await Promise.all([
        stores[0].requestCancel(ORG, run.runId).then((result) => result.outcome, (error: { code: string }) => error.code),
        stores[1].finish(success(run)),
      ]);
      expect(finished).toBe(true);
      expect(['requested', 'RUN_ALREADY_FINISHED']).toContain(cancel);
      expect(await getRun(fixture.db, ORG, run.runId)).toMatchObject({ state: 'succeeded' });
    }
  });

  it('cancel a running run and retry it: either it is not retried, or the cancel ends it where it waits', async () => {
    const error = { code: 'AGENT_THREW', message: 'x' };
    for (let round = 0; round < ROUNDS; round += 1) {
      const run = await fixture.claimed();
      const [cancel, retried] = await Promise.all([
        stores[0].requestCancel(ORG, run.runId),
        stores[1].retry({ ...run, error, usage: null, startedAtMs: null, notBeforeMs: 0 }),
      ]);
      expect(cancel.outcome).toBe(retried ? 'cancelled' : 'requested');
      expect((await getRun(fixture.db, ORG, run.runId)).state).toBe(retried ? 'cancelled' : 'running');
    }
  });

  it('finish one attempt twice: once', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const run = await fixture.claimed();
      const finished = await Promise.all(stores.map((store) => store.finish(success(run))));
      expect([...finished].sort()).toEqual([false, true]);
    }
  });

  it('insert under one idempotency key: one run', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const keyed = { idempotencyKey: `race-${round}`, requestHash: 'h' };
      const made = await Promise.all(stores.map((store) => store.insert(fixture.newRun(keyed))));
      expect(made.map(({ created }) => created).sort()).toEqual([false, true]);
      expect(made[0]?.run.id).toBe(made[1]?.run.id);
    }
  });

  it('take a run over while its old worker still writes events: what it says afterwards is not kept, and it is told', async () => {
    const seqs = async (runId: string) => (await fixture.db.sql`SELECT seq FROM run_events WHERE run_id = ${runId} ORDER BY seq`).map((row) => Number(row['seq']));
    for (let round = 0; round < ROUNDS; round += 1) {
      const { runId, lease } = await fixture.claimed();
      const say = (store: RunStore, seq: number, of: number) =>
        store.appendEvents({ orgId: ORG, runId, lease: of, events: [{ seq, attempt: 1, at: '2026-01-01T00:00:00.000Z', event: { type: 'progress', fraction: 1 } }] });
      const said = Array.from({ length: 9 }, (_, n) => say(stores[0] as RunStore, lease * 1_000_000 + n, lease));
      const second = await claimOf(stores[1], runId);
      const keptThen = await seqs(runId);
      const kept = await Promise.all(said);
      expect(await seqs(runId)).toEqual(keptThen);
      expect(kept.filter((wasKept) => wasKept)).toHaveLength(keptThen.length);
      expect(await say(stores[0] as RunStore, lease * 1_000_000 + 99, lease)).toBe(false);
      expect(await say(stores[1] as RunStore, second.lease * 1_000_000, second.lease)).toBe(true);
      expect(await seqs(runId)).toEqual([...keptThen, second.lease * 1_000_000]);
    }
  });
});
