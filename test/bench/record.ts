import { Deadline, newId, silentLogger, systemClock, type AgentVersion } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, createRunStore, getRun, type Database, type NewRun, type RunStore } from '@bullpen/db';

import type { BenchContext, BenchOutcome, BenchResult } from './bench.ts';
import { median } from './statistics.ts';

/**
 * What does it cost to record one run, one at a time: its row, its claim, its end, and reading it as its tenant? Ours keeps the
 * plans of such statements. Beside it: the same statements planned anew on each execution, and the row read as the owner.
 */
const RUNS_PER_ROUND = 500;
const WARM_UP = 200;
const ORG = 'bench';
const STEPS = ['insert', 'claim', 'finish', 'read'] as const;
type Timings = Record<(typeof STEPS)[number], number[]>;

interface Side {
  store: RunStore;
  read(runId: string): Promise<unknown>;
}

export default async function record(context: BenchContext): Promise<BenchOutcome> {
  const db = createDatabase({ url: context.services.postgresUrl });
  await createOrganization(db, { id: ORG, name: ORG, poolMb: 1024, maxMemoryMb: 256, minimumTier: 'basic' });
  const { version } = await createAgentVersion(db, ORG, { agent: 'echo', manifest: {}, bundle: 'export default 1', sha256: 'a'.repeat(64) });
  const ours: Side = { store: storeOver(db), read: (runId) => getRun(db, ORG, runId) };
  const theirs: Side = { store: storeOver(plannedAnew(db)), read: (runId) => readAsOwner(db, runId) };
  for (const side of [ours, theirs]) await measure(side, version, WARM_UP);
  const rounds: { ours: Timings; theirs: Timings }[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    rounds.push({ ours: await measure(ours, version, RUNS_PER_ROUND), theirs: await measure(theirs, version, RUNS_PER_ROUND) });
    context.log(`round ${round + 1}: ${STEPS.map((step) => `${step} ${median(rounds.at(-1)?.ours[step] ?? []).toFixed(3)} ms`).join(', ')}`);
  }
  await db.stop(Deadline.in(5000));
  return { results: STEPS.map((step) => resultOf(step, rounds)) };
}

function resultOf(step: (typeof STEPS)[number], rounds: readonly { ours: Timings; theirs: Timings }[]): BenchResult {
  const of = (side: 'ours' | 'theirs') => median(rounds.map((round) => median(round[side][step])));
  const ratio = median(rounds.map(({ ours, theirs }) => median(ours[step]) / median(theirs[step])));
  return { metric: `record.${step}_p50_ms`, value: of('ours'), unit: 'ms', against: of('theirs'), ratio };
}

function storeOver(db: Database): RunStore {
  return createRunStore({ db, clock: systemClock, log: silentLogger });
}

/** The same database without connections that keep plans. */
function plannedAnew(db: Database): Database {
  return new Proxy(db, { get: (target, name) => Reflect.get(target, name === 'keyed' ? 'sql' : name) as unknown });
}

async function readAsOwner(db: Database, runId: string): Promise<unknown> {
  return db.sql`SELECT * FROM runs WHERE org_id = ${ORG} AND id = ${runId}`;
}

async function measure({ store, read }: Side, version: AgentVersion, count: number): Promise<Timings> {
  const timings: Timings = { insert: [], claim: [], finish: [], read: [] };
  const timed = async <T>(step: keyof Timings, act: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const result = await act();
    timings[step].push(performance.now() - startMs);
    return result;
  };
  for (let n = 0; n < count; n += 1) {
    const run = newRun(version);
    await timed('insert', () => store.insert(run));
    const claimed = await timed('claim', () => store.claim({ orgId: ORG, runId: run.id, workerId: 'wkr_bench' }));
    if (claimed.kind !== 'claimed') throw new Error(`the run is ${claimed.kind}`);
    const { lease } = claimed.run;
    await timed('finish', () => store.finish({
      orgId: ORG, runId: run.id, lease, state: 'succeeded', resultJson: '{}', error: null, usage: null, startedAtMs: Date.now(), finishedAtMs: Date.now(),
    }));
    await timed('read', () => read(run.id));
  }
  return timings;
}

function newRun(version: AgentVersion): NewRun {
  return {
    id: newId('run'), orgId: ORG, agent: 'echo', version: version.version, versionId: version.id, tier: 'basic', timeoutMs: 30_000, memoryMb: 64, limits: {},
    maxAttempts: 1, backoff: { baseMs: 100, maxMs: 1000, jitter: false }, inputJson: '{"n":1}', metadata: {}, priority: 5, fairnessKey: null, ttlMs: null,
    delayMs: 0, idempotencyKey: null, requestHash: null,
  };
}
