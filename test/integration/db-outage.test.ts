import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

import { Deadline, silentLogger, systemClock, type Clock, type Logger } from '@bullpen/core';
import { createDatabase, createRunStore, getRun, type ClaimedRun, type Database, type RunStore } from '@bullpen/db';

import { ORG, claimOf, createDbFixture, success, type DbFixture } from './db-fixture.ts';
import { createPostgresProxy, type PostgresProxy } from './db-proxy.ts';

// On a machine that others use these take many times longer than alone.
jest.setTimeout(180_000);

let fixture: DbFixture;
let proxy: PostgresProxy;
/** Through the proxy; `fixture.db` goes straight to Postgres. */
let db: Database;
/** Through the proxy. How long it tries again is no matter of how slow the machine is: its time passes where a test says so. */
let store: RunStore;
let passedMs = 0;
const clock: Clock = { nowMs: () => systemClock.nowMs(), monotonicMs: () => passedMs };
let retried: Promise<void>;

beforeEach(async () => {
  fixture = await createDbFixture();
  proxy = await createPostgresProxy(fixture.url);
  db = createDatabase({ url: proxy.url, maxConnections: 4 });
  await db.start();
  const heard = Promise.withResolvers<void>();
  retried = heard.promise;
  const log: Logger = { ...silentLogger, warn: (_, event) => { if (event === 'db.write_retried') heard.resolve(); } };
  passedMs = 0;
  store = createRunStore({ db, clock, log });
});
afterEach(async () => {
  await db.stop(Deadline.in(50));
  await proxy[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

async function statesInTable(): Promise<Record<string, number>> {
  const rows = await fixture.db.sql<{ state: string; count: number }[]>`SELECT state, count(*) AS count FROM runs GROUP BY state`;
  return Object.fromEntries(rows.map((row) => [row.state, row.count]));
}

describe('while Postgres is away', () => {
  it('writes wait, and go through when it comes back', async () => {
    const { run } = await store.insert(fixture.newRun());
    await proxy.cut();
    const inserts = Array.from({ length: 50 }, () => store.insert(fixture.newRun()));
    const claim = claimOf(store, run.id);
    await retried;
    await proxy.restore();
    expect((await Promise.all(inserts)).every(({ created }) => created)).toBe(true);
    expect(await store.finish(success(await claim))).toBe(true);
    expect(await statesInTable()).toEqual({ queued: 50, succeeded: 1 });
  });

  it('for longer than they wait, they fail as retryable and change nothing later', async () => {
    await proxy.cut();
    const insert = store.insert(fixture.newRun());
    await retried;
    passedMs = 60_000;
    await expect(insert).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
    await proxy.restore();
    expect((await store.insert(fixture.newRun())).created).toBe(true);
    expect(await statesInTable()).toEqual({ queued: 1 });
  });

  it('reads fail as retryable', async () => {
    await proxy.cut();
    await expect(getRun(db, ORG, 'run_x')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await expect(db.ping()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });
});

describe('when Postgres was restarted', () => {
  it('reads go through on new connections, however many old ones there were', async () => {
    const { run } = await store.insert(fixture.newRun());
    for (let n = 0; n < 3; n += 1) {
      await Promise.all(Array.from({ length: 8 }, () => getRun(db, ORG, run.id)));
      await proxy.cut();
      await proxy.restore();
    }
    expect(await Promise.all(Array.from({ length: 8 }, () => getRun(db, ORG, run.id)))).toHaveLength(8);
  });
});

describe('an answer that is lost on its way back', () => {
  const losing = async <T>(act: () => Promise<T>): Promise<T> => {
    const lost = proxy.loseNextAnswer();
    const result = await act();
    await lost;
    return result;
  };

  beforeEach(async () => {
    // Prepares the statements, so that what is lost is the answer to the statement and not to its preparation.
    const run = await store.insert(fixture.newRun()).then(({ run: { id } }) => claimOf(store, id));
    await store.release({ ...run, reason: 'test' });
    await store.finish(success(await claimOf(store, run.runId)));
  });

  it('of an insert: the run is there once and counts as created', async () => {
    const given = fixture.newRun({ idempotencyKey: 'once', requestHash: 'h' });
    const { run, created } = await losing(() => store.insert(given));
    expect({ id: run.id, created }).toEqual({ id: given.id, created: true });
    expect(await statesInTable()).toEqual({ queued: 1, succeeded: 1 });
  });

  it('of a claim: the run is claimed again, in the same attempt', async () => {
    const { run } = await store.insert(fixture.newRun());
    const claimed = await losing(() => claimOf(store, run.id));
    expect(claimed.attempt).toBe(1);
    expect(claimed.lease).toBeGreaterThan(1);
  });

  it('of a finish: it was recorded, and the worker hears so', async () => {
    const run = await claimOf(store, (await store.insert(fixture.newRun())).run.id);
    expect(await losing(() => store.finish(success(run)))).toBe(true);
    expect(await store.finish(success(run))).toBe(false);
  });

  it('of a retry and of a release: the same', async () => {
    const run = await claimOf(store, (await store.insert(fixture.newRun())).run.id);
    const error = { code: 'AGENT_THREW', message: 'x' };
    await store.retry({ ...run, error, usage: null, startedAtMs: null, notBeforeMs: 0 });
    const again = await claimOf(store, run.runId);
    expect(await losing(() => store.retry({ ...again, error, usage: null, startedAtMs: null, notBeforeMs: 0 }))).toBe(true);
    const third = await claimOf(store, run.runId);
    expect(await losing(() => store.release({ ...third, reason: 'shutdown' }))).toBe(true);
    expect(await getRun(fixture.db, ORG, run.runId)).toMatchObject({ state: 'queued', attempt: 2 });
  });

  it('of a cancel: the run is cancelled, and the caller hears so', async () => {
    await store.requestCancel(ORG, (await store.insert(fixture.newRun())).run.id);
    const { run } = await store.insert(fixture.newRun());
    expect(await losing(() => store.requestCancel(ORG, run.id))).toMatchObject({ outcome: 'cancelled', run: { state: 'cancelled' } });
  });
});

describe('backends that are terminated under load', () => {
  it('lose nothing and record nothing twice', async () => {
    const RUNS = 1500;
    const TERMINATE_EVERY = 100;
    const finished: ClaimedRun[] = [];
    let terminated = 0;
    let left = RUNS;
    const terminate = async () => {
      const [row] = await fixture.db.sql<{ count: number }[]>`
        SELECT count(pg_terminate_backend(pid)) AS count FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'bullpen-victim'`;
      terminated += row?.count ?? 0;
    };
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        const { run } = await victim.insert(fixture.newRun());
        const claimed = await claimOf(victim, run.id);
        expect(await victim.finish(success(claimed, { resultJson: JSON.stringify(claimed.lease) }))).toBe(true);
        finished.push(claimed);
        if (finished.length % TERMINATE_EVERY === 0) await terminate();
      }
    };
    const victimDb = createDatabase({ url: fixture.url, applicationName: 'bullpen-victim' });
    const victim = createRunStore({ db: victimDb, clock, log: silentLogger });
    await Promise.all(Array.from({ length: 40 }, worker));
    await victimDb.stop(Deadline.in(5000));
    expect(terminated).toBeGreaterThanOrEqual(RUNS / TERMINATE_EVERY);
    expect(finished).toHaveLength(RUNS);
    expect(await statesInTable()).toEqual({ succeeded: RUNS });
    const rows = await fixture.db.sql<{ attempt: number; same: boolean }[]>`SELECT DISTINCT attempt, result = to_jsonb(lease) AS same FROM runs`;
    expect(rows).toEqual([{ attempt: 1, same: true }]);
  });
});
