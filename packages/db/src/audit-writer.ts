import type { AuditEntry, Clock, Deadline, Logger, Service } from '@bullpen/core';

import { CoalescingWriter } from './coalescing-writer.ts';
import type { Database } from './database.ts';
import { insertAuditEntries } from './queries/audit-log.ts';

/**
 * Writes the audit log in crowds as in ones. An entry is kept when `record` resolves; a Postgres that is away for less
 * than 5 s is waited for. An entry that cannot be written in that time is logged whole (`audit.not_written`), since the
 * write it tells of has been made: then the log is where it is found, and `record` still resolves.
 */
export interface AuditWriter extends Service {
  record(entry: AuditEntry): Promise<void>;
}

export function createAuditWriter({ db, clock, log }: { db: Database; clock: Clock; log: Logger }): AuditWriter {
  const writer = new CoalescingWriter<AuditEntry, void>({
    name: 'audit',
    clock,
    log,
    keyOf: (entry) => entry.id,
    bytesOf: (entry) => 500 + JSON.stringify([entry.before, entry.after]).length,
    async write(entries) {
      await insertAuditEntries(db, entries);
      return entries.map(() => undefined);
    },
  });
  return {
    async record(entry) {
      await writer.submit(entry).catch((error: unknown) => log.error({ err: error, entry }, 'audit.not_written'));
    },
    async start() {
      writer.open();
    },
    async quiesce() {
      // Requests under way are still audited.
    },
    stop: (by: Deadline) => writer.drain(by),
  };
}
