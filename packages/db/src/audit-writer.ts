import type { AuditEntry, Clock, Deadline, Logger, Service } from '@bullpen/core';

import { CoalescingWriter } from './coalescing-writer.ts';
import type { Database } from './database.ts';
import { auditRow, insertAuditRows, type AuditRow } from './queries/audit-log.ts';

/**
 * Writes the audit log in crowds as in ones. An entry is kept when `record` resolves; a Postgres that is away for less
 * than 5 s is waited for. An entry that cannot be written in that time is logged whole (`audit.not_written`), since the
 * write it tells of has been made: then the log is where it is found, and `record` still resolves.
 */
export interface AuditWriter extends Service {
  /** For what must not be lost. */
  record(entry: AuditEntry): Promise<void>;
  /** For what is its own record, such as a run: the entry is on its way, and a crash of Postgres or of this process may lose the last of them. */
  recordLater(entry: AuditEntry): void;
}

interface AuditWriterDeps {
  db: Database;
  clock: Clock;
  log: Logger;
}

export function createAuditWriter(deps: AuditWriterDeps): AuditWriter {
  const writers = { kept: writerOf(deps, true), later: writerOf(deps, false) };
  const record = async (writer: CoalescingWriter<AuditRow, void>, entry: AuditEntry) => {
    await writer.submit(auditRow(entry)).catch((error: unknown) => deps.log.error({ err: error, entry }, 'audit.not_written'));
  };
  return {
    record: (entry) => record(writers.kept, entry),
    recordLater: (entry) => void record(writers.later, entry),
    async start() {
      for (const writer of Object.values(writers)) writer.open();
    },
    async quiesce() {
      // Requests under way are still audited.
    },
    async stop(by: Deadline) {
      await Promise.all(Object.values(writers).map((writer) => writer.drain(by)));
    },
  };
}

/** Entries that nobody waits for go together: alone, one costs Postgres as much as the claim of its run, at the same moment. */
const LINGER_MS = 25;

function writerOf({ db, clock, log }: AuditWriterDeps, waitsForDisk: boolean): CoalescingWriter<AuditRow, void> {
  return new CoalescingWriter<AuditRow, void>({
    name: 'audit',
    clock,
    log,
    keyOf: ({ entry }) => entry.id,
    bytesOf: ({ beforeJson, afterJson }) => 500 + (beforeJson?.length ?? 0) + (afterJson?.length ?? 0),
    lingerMs: waitsForDisk ? 0 : LINGER_MS,
    async write(rows) {
      await insertAuditRows(db, rows, { waitsForDisk });
      return rows.map(() => undefined);
    },
  });
}
