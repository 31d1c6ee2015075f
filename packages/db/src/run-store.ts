import {
  BullpenError, canMove, isTerminal, type Clock, type Deadline, type Logger, type Run, type Service,
} from '@bullpen/core';

import { CoalescingWriter, type CoalescingWriterOptions } from './coalescing-writer.ts';
import type { Database } from './database.ts';
import { appendEvents, type EventRow } from './queries/append-events.ts';
import { writeCancels, type CancelAnswer } from './run-store-cancel.ts';
import { writeClaims } from './run-store-claim.ts';
import { insertBatch } from './run-store-batch.ts';
import { runOfInsert, timed, writeInserts, type InsertAnswer } from './run-store-insert.ts';
import { leasedWriter } from './run-store-leased.ts';
import { finishRuns } from './queries/finish-runs.ts';
import type { CancelWrite } from './queries/cancel-runs.ts';
import type { TimedRun } from './queries/insert-runs.ts';
import { releaseRuns } from './queries/release-runs.ts';
import { retryRuns } from './queries/retry-runs.ts';
import { keyOfRun } from './queries/run-columns.ts';
import { VersionFacts } from './version-facts.ts';
import {
  firstEventSeq, type CancelResult, type ClaimResult, type ClaimWrite, type EventsWrite, type FinishWrite, type InsertResult,
  type NewRun, type ReleaseWrite, type RetryWrite, type RunRef,
} from './run-writes.ts';

/**
 * Every write of a run's life, grouped. What it guarantees:
 *
 * - A method resolves when its write is committed (a claim: when it is visible to everyone; see claim-runs.ts).
 * - Every write names the state it leaves and, once a worker holds the run, the lease; of two writers one wins.
 * - Bad rows fail alone (RECORD_FAILED); a Postgres that is away for less than 5 s is waited for; a write whose
 *   answer was lost with its connection is looked up, so nothing is recorded twice and nothing that stands is denied.
 * - `stop` writes what was submitted before it; later writes reject with SHUTTING_DOWN.
 */
export interface RunStore extends Service {
  /** @throws BullpenError IDEMPOTENCY_KEY_REUSED where the key came with another request before; VersionMovedError where its version was assumed, wrongly. */
  insert(run: NewRun): Promise<InsertResult>;
  /**
   * Runs of one organization: all, or none. A run whose idempotency key was used before with the same request is no obstacle.
   * @throws BullpenError IDEMPOTENCY_KEY_REUSED, RECORD_FAILED, SERVICE_UNAVAILABLE
   */
  insertAll(runs: readonly NewRun[]): Promise<InsertResult[]>;
  /** Begins an attempt, or takes over a running one from a worker that lost it; says what it found otherwise. */
  claim(claim: ClaimWrite): Promise<ClaimResult>;
  /** running -> terminal. False: fenced out, another lease or a cancel moved the run. */
  finish(write: FinishWrite): Promise<boolean>;
  /** running -> retrying. False: fenced out, or a cancel was requested: finish it as cancelled. */
  retry(write: RetryWrite): Promise<boolean>;
  /** running -> queued, and the attempt is given back. False: fenced out. */
  release(write: ReleaseWrite): Promise<boolean>;
  /** Keeps what an attempt said. False: fenced out, and nothing of it is kept. */
  appendEvents(write: EventsWrite): Promise<boolean>;
  /** Waiting -> cancelled. Null: it is not waiting, or not there. */
  cancelWaiting(orgId: string, runId: string): Promise<Run | null>;
  /** Ends a waiting run, or marks a running one. @throws BullpenError NOT_FOUND, RUN_ALREADY_FINISHED. */
  requestCancel(orgId: string, runId: string): Promise<CancelResult>;
}

export interface RunStoreDeps {
  db: Database;
  clock: Clock;
  log: Logger;
}

interface EventsItem extends RunRef {
  rows: readonly EventRow[];
  bytes: number;
}

/** What a row costs beside its JSON: names, times, limits. */
const ROW_BYTES = 500;

export function createRunStore(deps: RunStoreDeps): RunStore {
  const writers = openWriters(deps);
  const all = Object.values(writers) as Pick<CoalescingWriter<unknown, unknown>, 'open' | 'drain'>[];
  return {
    async insert(run) {
      return runOfInsert(run, await writers.insert.submit(timed(run, deps.clock.nowMs())));
    },
    insertAll: (runs) => insertBatch(deps, runs),
    claim: (claim) => writers.claim.submit(claim),
    async finish(write) {
      if (!canMove('running', write.state)) throw new BullpenError('INTERNAL', `a running run cannot become ${write.state}`);
      return writers.finish.submit(write);
    },
    retry: (write) => writers.retry.submit(write),
    release: (write) => writers.release.submit(write),
    async appendEvents(write) {
      return write.events.length === 0 || writers.events.submit(eventsItem(write));
    },
    async cancelWaiting(orgId, runId) {
      const answer = await writers.cancel.submit({ orgId, runId, markRunning: false });
      return answer.kind === 'moved' ? answer.run : null;
    },
    async requestCancel(orgId, runId) {
      return cancelResult(runId, await writers.cancel.submit({ orgId, runId, markRunning: true }));
    },
    async start() {
      for (const writer of all) writer.open();
    },
    async quiesce() {
      // Runs that are still executing will finish: their writes are taken until stop.
    },
    async stop(by: Deadline) {
      await Promise.all(all.map((writer) => writer.drain(by)));
    },
  };
}

/**
 * In a crowd all who wait would go in one statement: Postgres would work while the process waits, and the process while Postgres waits. In
 * parts they work side by side (measured with 128 callers: a tenth more a second), and a slow disk syncs two at once.
 */
const INSERTS = { maxItems: 48, parallel: 2 };

function openWriters({ db, clock, log }: RunStoreDeps) {
  const writer = <Item extends RunRef, Result>(
    options: Pick<CoalescingWriterOptions<Item, Result>, 'name' | 'write'> & Partial<CoalescingWriterOptions<Item, Result>>,
  ) => new CoalescingWriter<Item, Result>({
    clock,
    log,
    keyOf: (item) => keyOfRun(item.orgId, item.runId),
    bytesOf: () => ROW_BYTES,
    ...options,
  });
  const versions = new VersionFacts(db);
  return {
    insert: new CoalescingWriter<TimedRun, InsertAnswer>({
      name: 'insert',
      clock,
      log,
      // Statements under way at once then wait for each other's idempotency keys in one order, in all processes.
      keyOf: ({ run }) => keyOfRun(run.orgId, run.idempotencyKey ?? run.id),
      bytesOf: ({ run }) => ROW_BYTES + run.inputJson.length,
      ...INSERTS,
      write: (rows) => writeInserts(db, rows),
    }),
    claim: writer<ClaimWrite, ClaimResult>({ name: 'claim', write: (claims) => writeClaims({ db, versions }, claims, clock.nowMs()) }),
    finish: writer<FinishWrite, boolean>({
      name: 'finish',
      bytesOf: (write) => ROW_BYTES + (write.resultJson?.length ?? 0) + (write.error?.stack?.length ?? 0),
      write: leasedWriter(db, finishRuns, (write) => write.state),
    }),
    retry: writer<RetryWrite, boolean>({ name: 'retry', write: leasedWriter(db, retryRuns, () => 'retrying') }),
    release: writer<ReleaseWrite, boolean>({ name: 'release', write: leasedWriter(db, releaseRuns, () => 'queued') }),
    events: writer<EventsItem, boolean>({
      name: 'events',
      bytesOf: (item) => item.bytes,
      write: (items) => writeEvents(db, items),
    }),
    cancel: writer<CancelWrite, CancelAnswer>({
      name: 'cancel',
      write: (writes, context) => writeCancels(db, writes, clock.nowMs(), context),
    }),
  };
}

async function writeEvents(db: Database, items: readonly EventsItem[]): Promise<boolean[]> {
  const fenced = await appendEvents(db, items.flatMap((item) => item.rows));
  return items.map(({ orgId, runId }) => !fenced.has(keyOfRun(orgId, runId)));
}

function eventsItem({ orgId, runId, lease, events }: EventsWrite): EventsItem {
  const misnumbered = events.find(({ seq }) => seq < firstEventSeq(lease) || seq >= firstEventSeq(lease + 1));
  if (misnumbered) throw new BullpenError('INTERNAL', `event ${misnumbered.seq} is not numbered within lease ${lease}`);
  const rows = events.map(({ seq, attempt, at, event }) => ({ orgId, runId, lease, seq, attempt, at, eventJson: JSON.stringify(event) }));
  return { orgId, runId, rows, bytes: rows.reduce((sum, row) => sum + row.eventJson.length + ROW_BYTES, 0) };
}

function cancelResult(runId: string, answer: CancelAnswer): CancelResult {
  if (answer.kind === 'missing') throw new BullpenError('NOT_FOUND', `no run ${runId}`, { runId });
  if (answer.kind === 'unmoved') {
    if (!isTerminal(answer.state)) throw new BullpenError('SERVICE_UNAVAILABLE', `run ${runId} is on the move`, { runId });
    throw new BullpenError('RUN_ALREADY_FINISHED', `run ${runId} is ${answer.state}`, { runId, state: answer.state });
  }
  const { run } = answer;
  return run.state === 'running' ? { run, workerId: run.workerId, outcome: 'requested' } : { run, workerId: null, outcome: 'cancelled' };
}
