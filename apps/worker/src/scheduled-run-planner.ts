import { parseOrThrow, planScheduledRun, scheduledRunSchema, type AgentVersion, type NewRun, type Organization, type Schedule } from '@bullpen/core';
import { getOrganization, resolveRunVersion, type Database } from '@bullpen/db';

/** Plans the runs of one turn of the scheduler: each organization and each version is read once in it. */
export class ScheduledRunPlanner {
  readonly #db: Database;
  readonly #organizations = new Map<string, Promise<Organization>>();
  readonly #versions = new Map<string, Promise<AgentVersion>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND, and what planning a run throws. */
  async plan(schedule: Schedule, firedAtMs: number): Promise<NewRun> {
    const { orgId } = schedule;
    // Stored by this version or an older one: what has come since has its default.
    const run = parseOrThrow(scheduledRunSchema, schedule.run, 'run of the schedule');
    const [organization, version] = await Promise.all([
      once(this.#organizations, orgId, () => getOrganization(this.#db, orgId)),
      once(this.#versions, `${orgId}/${run.agent}/${run.version ?? ''}/${run.deployment ?? ''}/${run.fairnessKey ?? ''}`, () => resolveRunVersion(this.#db, orgId, run)),
    ]);
    return planScheduledRun({ ...schedule, run }, version, organization, firedAtMs);
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? read();
  known.set(key, found);
  return found;
}
