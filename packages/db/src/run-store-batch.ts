import { BullpenError, errorCodeOf, messageOf, type Clock, type Logger } from '@bullpen/core';

import type { Database } from './database.ts';
import { classifyFailure, unavailable } from './postgres-errors.ts';
import { runOfInsert, timed, writeInserts } from './run-store-insert.ts';
import type { InsertResult, NewRun } from './run-writes.ts';

const RETRY_FOR_MS = 5000;
const RETRY_AFTER_MS = 50;

/**
 * Inserts runs of one organization in one transaction: all, or, where one is refused, none. Tried again while Postgres is
 * away, which is safe: a run that is found under its own id was inserted by an earlier try.
 * @throws BullpenError IDEMPOTENCY_KEY_REUSED, RECORD_FAILED, SERVICE_UNAVAILABLE
 */
export async function insertBatch({ db, clock, log }: { db: Database; clock: Clock; log: Logger }, runs: readonly NewRun[]): Promise<InsertResult[]> {
  const untilMs = clock.monotonicMs() + RETRY_FOR_MS;
  for (;;) {
    try {
      return await insertOnce(db, runs, clock.nowMs());
    } catch (error) {
      const failure = errorCodeOf(error) === undefined || !(error instanceof BullpenError) ? classifyFailure(error) : 'refused';
      if (failure === 'row') throw new BullpenError('RECORD_FAILED', `Postgres refused a run of the batch: ${messageOf(error)}`, {}, { cause: error });
      if (failure !== 'unavailable') throw error;
      if (clock.monotonicMs() >= untilMs) throw unavailable(error);
      log.warn({ writer: 'insert-batch', rows: runs.length, error: messageOf(error) }, 'db.write_retried');
      await new Promise((resolve) => { setTimeout(resolve, RETRY_AFTER_MS); });
    }
  }
}

/**
 * For this transaction: else the check of its foreign key is planned anew for each run (a batch of 1,000: 34 ms of Postgres instead of 24). A plan that is kept must
 * not read a table that is small at the moment, see database.ts.
 */
const KEPT_PLANS = ["'plan_cache_mode', 'force_generic_plan'", "'enable_seqscan', 'off'", "'enable_bitmapscan', 'off'"];

async function insertOnce(db: Database, runs: readonly NewRun[], nowMs: number): Promise<InsertResult[]> {
  // In the order of their keys: two batches that share keys wait for each other, and never in a circle.
  const order = [...runs.keys()].sort((a, b) => (sortKey(runs[a]!) < sortKey(runs[b]!) ? -1 : 1));
  const results = await db.transaction(async (sql) => {
    await sql`SELECT ${sql.unsafe(KEPT_PLANS.map((setting) => `set_config(${setting}, true)`).join(', '))}`;
    const within = Object.create(db, { sql: { value: sql }, keyed: { value: sql } }) as Database;
    const answers = await writeInserts(within, order.map((i) => timed(runs[i]!, nowMs)));
    return answers.map((answer, n) => runOfInsert(runs[order[n]!]!, answer));
  });
  const inGivenOrder = new Array<InsertResult>(runs.length);
  order.forEach((i, n) => { inGivenOrder[i] = results[n]!; });
  return inGivenOrder;
}

function sortKey(run: NewRun): string {
  return run.idempotencyKey ?? run.id;
}
