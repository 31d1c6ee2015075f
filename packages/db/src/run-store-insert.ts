import { BullpenError, idsOfTraceparent, type Run } from '@bullpen/core';

import type { Database } from './database.ts';
import { reading } from './postgres-errors.ts';
import { findEarlierRuns, type EarlierRun } from './queries/find-earlier-runs.ts';
import { forgetRunKeys } from './queries/forget-run-keys.ts';
import { insertRuns, type TimedRun } from './queries/insert-runs.ts';
import { keyOfRun } from './queries/run-columns.ts';
import type { InsertResult, NewRun } from './run-writes.ts';

/**
 * What became of an insert: `earlier` was there before, under the same id or the same idempotency key. `refused`: its version
 * is not the one that was assumed; or what stood in its way was deleted just then.
 */
export type InsertAnswer = { kind: 'inserted'; run: Run } | { kind: 'earlier'; earlier: EarlierRun } | { kind: 'refused' };

/** Another version would be taken now than the run's: who assumed it has to look again. */
export class VersionMovedError extends Error {
  constructor({ agent, version }: NewRun) {
    super(`version ${version} of ${agent} is not the one to take any more`);
  }
}

export function timed(run: NewRun, nowMs: number): TimedRun {
  const notBeforeMs = run.delayMs > 0 ? nowMs + run.delayMs : null;
  const expiresAtMs = run.ttlMs === null ? null : nowMs + run.ttlMs;
  return { run, queuedAtMs: nowMs, notBeforeMs, expiresAtMs };
}

/** How long a caller's idempotency key stands for the run that it made, as for every other request that has one. */
const KEEP_KEY_MS = 24 * 3_600_000;

/** Others may take a key that was freed, and be gone again: more than once it takes a lot of bad luck. */
const MOST_TRIES = 4;

/**
 * One statement where all are new; a second one reads what stood in the way. What stood there longer than a key is kept
 * gives it up, and makes room: nobody has to look for old keys, and no index to be kept for that. Where that happens to
 * several requests with one key at once, one of them makes the run and the others are given it.
 */
export async function writeInserts(db: Database, rows: readonly TimedRun[]): Promise<InsertAnswer[]> {
  const answers = await tryInserts(db, rows);
  for (let tries = 1; tries < MOST_TRIES; tries += 1) {
    const expired = rows.flatMap((row, n) => expiredKeyOf(row, answers[n]));
    const again = [...rows.keys()].filter((n) => expiredKeyOf(rows[n]!, answers[n]).length > 0 || isWayFree(rows[n]!, answers[n]));
    if (again.length === 0) break;
    if (expired.length > 0) await forgetRunKeys(db, expired);
    const retried = await tryInserts(db, again.map((n) => rows[n]!));
    again.forEach((n, place) => { answers[n] = retried[place]!; });
  }
  return answers;
}

/** What had the key just now is gone: another request freed it, or the run was deleted. */
function isWayFree({ run: { assumed, idempotencyKey } }: TimedRun, answer: InsertAnswer | undefined): boolean {
  return answer?.kind === 'refused' && assumed === undefined && idempotencyKey !== null;
}

/**
 * The run that a caller's request made before under this key, for one that would be refused by now.
 * @returns null where there is none, or its key is free again
 * @throws BullpenError IDEMPOTENCY_KEY_REUSED where another request made it
 */
export async function findRunOfKey(db: Database, { orgId, key, requestHash }: { orgId: string; key: string; requestHash: string }, nowMs: number): Promise<Run | null> {
  const [earlier] = (await reading(() => findEarlierRuns(db, [{ orgId, id: '', idempotencyKey: key }]))).values();
  if (earlier === undefined || nowMs - Date.parse(earlier.run.queuedAt) > KEEP_KEY_MS) return null;
  if (earlier.requestHash !== requestHash) throw keyReused(key, earlier.run.id);
  return earlier.run;
}

/** `HASH:PLACE`: of a run whose key follows from its batch's. */
const HASH_OF_BATCH = /^[0-9a-f]{64}:\d+$/;

/** Keys that Bullpen makes itself (of schedules, of events) hold a space, and stand as long as their run. */
function isOurs(key: string, requestHash: string | null): boolean {
  return key.includes(' ') && !HASH_OF_BATCH.test(requestHash ?? '');
}

function expiredKeyOf({ run: { id, orgId, idempotencyKey, requestHash }, queuedAtMs }: TimedRun, answer: InsertAnswer | undefined) {
  if (answer?.kind !== 'earlier' || idempotencyKey === null || isOurs(idempotencyKey, requestHash)) return [];
  const { run } = answer.earlier;
  return run.id !== id && queuedAtMs - Date.parse(run.queuedAt) > KEEP_KEY_MS ? [{ orgId, idempotencyKey, runId: run.id }] : [];
}

async function tryInserts(db: Database, rows: readonly TimedRun[]): Promise<InsertAnswer[]> {
  if (await insertRuns(db, rows) === rows.length) return rows.map((row) => ({ kind: 'inserted', run: runOf(row) }));
  // Those that were inserted are found as well, under their own ids.
  const earlier = await findEarlierRuns(db, rows.map(({ run }) => run));
  return rows.map((row) => {
    const found = earlier.get(keyOfRun(row.run.orgId, row.run.id));
    return found ? { kind: 'earlier', earlier: found } : { kind: 'refused' };
  });
}

/** What the caller hears: his run, the one he made before with this key, or why not. */
export function runOfInsert(given: NewRun, answer: InsertAnswer): InsertResult {
  if (answer.kind === 'inserted') return { run: answer.run, created: true };
  if (answer.kind === 'refused') {
    if (given.assumed !== undefined) throw new VersionMovedError(given);
    throw new BullpenError('SERVICE_UNAVAILABLE', 'the run that held this idempotency key was deleted just now', { runId: given.id });
  }
  const { run, requestHash } = answer.earlier;
  // The same id: our own first try, whose answer was lost with the connection.
  if (run.id === given.id) return { run, created: true };
  if (requestHash !== given.requestHash) {
    throw keyReused(given.idempotencyKey, run.id);
  }
  return { run, created: false };
}

function keyReused(idempotencyKey: string | null, runId: string): BullpenError {
  return new BullpenError('IDEMPOTENCY_KEY_REUSED', 'the idempotency key was used before with a different request', { idempotencyKey, runId });
}

/** The row as it was inserted, without reading it back: the input may be large. A test compares it with the table. */
function runOf({ run, queuedAtMs, notBeforeMs, expiresAtMs }: TimedRun): Run {
  return {
    id: run.id,
    orgId: run.orgId,
    agent: run.agent,
    version: run.version,
    state: notBeforeMs === null ? 'queued' : 'scheduled',
    tier: run.tier,
    attempt: 0,
    maxAttempts: run.maxAttempts,
    timeoutMs: run.timeoutMs,
    memoryMb: run.memoryMb,
    limits: run.limits,
    input: JSON.parse(run.inputJson) as Run['input'],
    result: null,
    error: null,
    usage: null,
    kill: null,
    priority: run.priority,
    fairnessKey: run.fairnessKey,
    metadata: run.metadata,
    tags: [...(run.tags ?? [])],
    workerId: null,
    traceId: run.traceparent == null ? null : idsOfTraceparent(run.traceparent).traceId,
    queuedAt: new Date(queuedAtMs).toISOString(),
    notBefore: isoTime(notBeforeMs),
    expiresAt: isoTime(expiresAtMs),
    claimedAt: null,
    startedAt: null,
    finishedAt: null,
  };
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
