import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline, errorCodeOf, silentLogger } from '@bullpen/core';
import { createDatabase, migrate, type Database } from '@bullpen/db';
import { createEmbeddedPostgres, freePort, type EmbeddedPostgres } from '@bullpen/infra';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

// Ample for a slow machine: the server is stopped and started three times.
jest.setTimeout(180_000);

const RUNS = 240;
const BATCHES = 6;
const RUNS_PER_BATCH = 20;
const EVENTS_PER_RUN = 3;
const AT_ONCE = 12;
const RESTARTS = 3;

interface KeptEvent { run_id: string; seq: number; event: { type: string; data?: number; count?: number } }

/** A Postgres of its own, whose process really ends and comes back, while clients post and workers record. */
describe('Postgres that restarts under load', () => {
  let dataDir: string;
  let postgres: EmbeddedPostgres;
  let db: Database;
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    dataDir = mkdtempSync(path.join(tmpdir(), `bullpen-test-${process.pid}-`));
    chmodSync(dataDir, 0o755); // as root, Postgres is another account, which must get in
    postgres = createEmbeddedPostgres({ dataDir, logFile: path.join(dataDir, 'postgres.log'), databases: ['restarted'], durable: true, port: await freePort() });
    await postgres.start();
    const url = postgres.url('restarted');
    db = createDatabase({ url, log: silentLogger });
    await migrate(db);
    system = await startSystem({ queue: 'redis', workers: 2, env: { DATABASE_URL: url } });
    acme = await system.organization('acme');
    await deploy(acme, 'teller', 'async (input, ctx) => { for (let n = 0; n < 3; n += 1) ctx.emit("n", n); return input; }', { tier: 'basic' });
  });
  afterAll(async () => {
    await system?.stop();
    await db?.stop(Deadline.in(1000));
    await postgres?.stop(Deadline.in(20_000));
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('loses nothing and keeps nothing twice, of runs, their events and their metrics', async () => {
    const posted = postAll(acme);
    for (let n = 1; n <= RESTARTS; n += 1) {
      await eventually('some runs are recorded', async () => ((await endedRuns(db)) >= (n * RUNS) / (RESTARTS + 2) ? true : undefined), 60_000);
      await postgres.stop(Deadline.in(20_000));
      await postgres.start();
    }
    const ids = await posted;
    const wanted = RUNS + BATCHES * RUNS_PER_BATCH;
    expect(new Set(ids).size).toBe(wanted);
    await eventually('all runs end', async () => ((await endedRuns(db)) === wanted ? true : undefined), 90_000);
    expect(await db.sql`SELECT state, count(*)::integer AS runs, count(*) FILTER (WHERE result = input)::integer AS right FROM runs GROUP BY state`)
      .toEqual([{ state: 'succeeded', runs: wanted, right: wanted }]);
    expectEventsKept(await db.sql<KeptEvent[]>`SELECT e.run_id, e.seq, e.event FROM run_events e JOIN runs r ON r.org_id = e.org_id AND r.id = e.run_id
      WHERE e.seq / 1000000 = r.lease ORDER BY e.run_id, e.seq`, wanted);
    await system.stopWorkers();
    expect(await db.sql`SELECT sum(runs)::integer AS runs, sum(failures)::integer AS failures FROM run_metrics`).toEqual([{ runs: wanted, failures: 0 }]);
  });
});

/** Of the attempt that ended each run: what it said, once each, in order; where an outage was too long for some, so many are said to be lost. */
function expectEventsKept(events: readonly KeptEvent[], runs: number): void {
  const ofRuns = Map.groupBy(events, ({ run_id: runId }) => runId);
  expect(ofRuns.size).toBe(runs);
  for (const [, kept] of ofRuns) {
    const said = kept.flatMap(({ event }) => (event.type === 'emit' ? [event.data] : []));
    const lost = kept.reduce((sum, { event }) => sum + (event.count ?? 0), 0);
    expect({ said, lost }).toEqual({ said: [0, 1, 2].slice(lost), lost: EVENTS_PER_RUN - said.length });
  }
}

/** Runs one by one and in batches, some at once, each tried again under its key until it is answered. */
async function postAll(acme: BullpenClient): Promise<string[]> {
  const singles = Array.from({ length: RUNS }, (_, n) => async () => [(await untilAnswered(() => acme.runs.create({ agent: 'teller', input: n }, { idempotencyKey: `one-${n}` }))).id]);
  const batches = Array.from({ length: BATCHES }, (_, b) => async () => {
    const runs = Array.from({ length: RUNS_PER_BATCH }, (_unused, n) => ({ agent: 'teller', input: `${b}-${n}` }));
    return (await untilAnswered(() => acme.runs.createBatch(runs, { idempotencyKey: `batch-${b}` }))).runs.map(({ run }) => run.id);
  });
  const every = RUNS / BATCHES;
  const waiting = singles.flatMap((one, n) => (n % every === 0 ? [one, batches[n / every]!] : [one]));
  const ids: string[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) ids.push(...await next());
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return ids;
}

async function untilAnswered<T>(post: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await post();
    } catch (error) {
      if (!['SERVICE_UNAVAILABLE', 'API_UNREACHABLE'].includes(errorCodeOf(error) ?? '')) throw error;
    }
  }
}

async function endedRuns(db: Database): Promise<number> {
  const [row] = await db.sql<{ ended: number }[]>`SELECT count(*)::integer AS ended FROM runs WHERE finished_at IS NOT NULL`.catch(() => []);
  return row?.ended ?? 0;
}
