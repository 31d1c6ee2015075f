import type { AgentVersion } from '../agent-schemas.ts';
import type { NewRun } from '../new-run.ts';
import type { Organization } from '../org-schemas.ts';
import { planRun } from '../plan-run.ts';
import type { ScheduledRun } from '../schedule-schemas.ts';

/** A schedule as far as its runs know it. */
export interface FiringSchedule {
  id: string;
  name: string;
  run: ScheduledRun;
}

/**
 * The run that a schedule makes for a time. Its key is made of both, so that it is one run however often it is asked
 * for; the hash is of the key alone, so that a change of the schedule between two tries makes no other request of it.
 * @throws BullpenError what `planRun` throws
 */
export function planScheduledRun(schedule: FiringSchedule, version: AgentVersion, organization: Organization, firedAtMs: number): NewRun {
  const scheduledFor = new Date(firedAtMs).toISOString();
  const key = `${scheduleKeyPrefix(schedule.id)}${scheduledFor}`;
  const metadata = { ...schedule.run.metadata, schedule: schedule.name, scheduledFor };
  return planRun({ ...schedule.run, metadata }, version, organization, { key, requestHash: key });
}

/**
 * What the idempotency keys of a schedule's runs begin with; a time in ISO 8601 follows, so that they sort by it. The
 * spaces keep them apart from callers' keys, which hold none.
 */
export function scheduleKeyPrefix(scheduleId: string): string {
  return `schedule ${scheduleId} `;
}
