import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';
import { auditLog } from '../schema.ts';

export interface AuditEntry {
  id: string;
  /** Null: it concerns the platform. */
  orgId: string | null;
  /** Id of the key that asked. */
  actor: string;
  /** Such as `organization.deleted`. */
  action: string;
  target: string;
  change: Record<string, unknown>;
  requestId: string | null;
}

/** Adds a line to the audit log. */
export async function adminWriteAudit(db: Database, entry: AuditEntry): Promise<void> {
  await reaching(() => db.orm.insert(auditLog).values(entry));
}
