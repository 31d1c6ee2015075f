import { Deadline, newId, silentLogger, systemClock, type AgentVersion, type Clock } from '@bullpen/core';
import {
  createAgentVersion, createDatabase, createOrganization, createRunStore, type ClaimedRun, type Database, type FinishWrite,
  type NewRun, type RunStore,
} from '@bullpen/db';

import { createTestDatabase } from '../services/index.ts';

/** An organization with one agent on a database of its own, and a store over it. */
export interface DbFixture {
  url: string;
  db: Database;
  store: RunStore;
  version: AgentVersion;
  /** A valid new run of the agent. */
  newRun(overrides?: Partial<NewRun>): NewRun;
  /** Inserts and claims a run. */
  claimed(overrides?: Partial<NewRun>): Promise<ClaimedRun>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const ORG = 'acme';
export const SHA256 = 'a'.repeat(64);

export async function createDbFixture(options: { clock?: Clock } = {}): Promise<DbFixture> {
  const { url, drop } = await createTestDatabase();
  const db = createDatabase({ url });
  await createOrganization(db, { id: ORG, name: 'Acme', poolMb: 1024, maxMemoryMb: 1024, minimumTier: 'basic' });
  const { version } = await createAgentVersion(db, ORG, { agent: 'echo', manifest: {}, bundle: 'export default 1', sha256: SHA256 });
  const store = createRunStore({ db, clock: options.clock ?? systemClock, log: silentLogger });
  const newRun = (overrides: Partial<NewRun> = {}) => newRunOf(version, overrides);
  return {
    url, db, store, version, newRun,
    async claimed(overrides = {}) {
      const run = newRun(overrides);
      await store.insert(run);
      return claimOf(store, run.id);
    },
    async [Symbol.asyncDispose]() {
      await db.stop(Deadline.in(5000));
      await drop();
    },
  };
}

/** Claims a run that must be there to claim. */
export async function claimOf(store: RunStore, runId: string, workerId = 'wkr_1'): Promise<ClaimedRun> {
  const result = await store.claim({ orgId: ORG, runId, workerId });
  if (result.kind !== 'claimed') throw new Error(`run ${runId} is ${result.kind}`);
  return result.run;
}

/** A success of a claimed run. */
export function success({ runId, lease }: { runId: string; lease: number }, overrides: Partial<FinishWrite> = {}): FinishWrite {
  return {
    orgId: ORG, runId, lease, state: 'succeeded', resultJson: '{"ok":true}', error: null,
    usage: { wallMs: 12, cpuMs: 8.5, peakHeapMb: 5, peakExternalMb: 1, gbSeconds: 0.001 },
    startedAtMs: 1_700_000_000_100, finishedAtMs: 1_700_000_000_112, ...overrides,
  };
}

function newRunOf(version: AgentVersion, overrides: Partial<NewRun>): NewRun {
  return {
    id: newId('run'), orgId: ORG, agent: 'echo', version: version.version, versionId: version.id, tier: 'basic', timeoutMs: 30_000,
    memoryMb: 64, limits: {}, maxAttempts: 3, backoff: { baseMs: 100, maxMs: 1000, jitter: false }, inputJson: '{"n":1}', metadata: { who: 'test' },
    priority: 5, fairnessKey: null,
    ttlMs: null, delayMs: 0, idempotencyKey: null, requestHash: null, ...overrides,
  };
}
