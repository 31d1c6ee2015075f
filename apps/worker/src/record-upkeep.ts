import { messageOf, type Clock, type Logger, type Service } from '@bullpen/core';
import {
  adminClaimRetention, adminClosePartitions, adminDeleteOldRows, adminDropEventPartitions, adminFindLostWorkers, adminForgetFleet, adminMakeEventPartitions,
  adminReleaseRetention, type Database, type RetentionTurn,
} from '@bullpen/db';

import { periodic } from './periodic.ts';

/**
 * Keeps the record in shape, in any number of workers at once:
 * - the days to come have their partitions of events (what comes without one is kept in the default partition until then);
 * - what organizations no longer keep is removed: whole days at once where nobody keeps them, else row by row, in short
 *   batches and for a bounded time a turn; an organization that was not finished is gone on with in the next turn;
 * - workers that fell silent are marked as lost.
 * A step that fails is logged and does not keep the others from being taken.
 */
export interface RecordUpkeepDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  everyMs: number;
}

const DAYS_AHEAD = 3;
const RETENTION_EVERY_MS = 60 * 60 * 1000;
const ORGANIZATIONS_PER_TURN = 20;
/** Short enough that nobody waits for its locks. */
const BATCH_ROWS = 1000;
const TURN_MS = 10_000;
/** Many times what lies between two reports of a worker. */
const SILENT_MS = 60_000;
const FLEET_DAYS = 7;

export class RecordUpkeep {
  readonly service: Service;
  readonly #deps: RecordUpkeepDeps;

  constructor(deps: RecordUpkeepDeps) {
    this.#deps = deps;
    this.service = periodic('record-upkeep', deps.everyMs, deps.log, () => this.turn());
  }

  async turn(): Promise<void> {
    const { db, log } = this.#deps;
    await this.#step('partitions_made', () => adminMakeEventPartitions(db, DAYS_AHEAD));
    await this.#step('partitions_closed', () => adminClosePartitions(db));
    await this.#step('partitions_dropped', () => adminDropEventPartitions(db));
    await this.#step('rows_deleted', () => this.#removeOld());
    await this.#step('workers_lost', async () => {
      const lost = await adminFindLostWorkers(db, SILENT_MS);
      if (lost.length > 0) log.warn({ lost }, 'upkeep.workers_lost');
      return lost.length;
    });
    await this.#step('fleet_forgotten', async () => {
      await adminForgetFleet(db, { days: FLEET_DAYS, limit: BATCH_ROWS });
      return 0;
    });
  }

  async #step(name: string, act: () => Promise<number>): Promise<void> {
    try {
      const count = await act();
      if (count > 0) this.#deps.log.info({ step: name, count }, 'upkeep.done');
    } catch (error) {
      this.#deps.log.warn({ step: name, reason: messageOf(error) }, 'upkeep.failed');
    }
  }

  async #removeOld(): Promise<number> {
    const { db, clock } = this.#deps;
    const untilMs = clock.monotonicMs() + TURN_MS;
    let total = 0;
    for (const due of await adminClaimRetention(db, { limit: ORGANIZATIONS_PER_TURN, everyMs: RETENTION_EVERY_MS })) {
      total += await this.#removeOldOf(due, untilMs);
    }
    return total;
  }

  async #removeOldOf(due: RetentionTurn, untilMs: number): Promise<number> {
    const { db, clock } = this.#deps;
    let total = 0;
    while (clock.monotonicMs() < untilMs) {
      const deleted = await adminDeleteOldRows(db, due, BATCH_ROWS);
      total += deleted;
      if (deleted < BATCH_ROWS) return total;
    }
    await adminReleaseRetention(db, due.orgId);
    return total;
  }
}
