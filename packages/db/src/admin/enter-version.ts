import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

/** A run that wants to be executed, of a version of which only so many may be at once. */
export interface VersionEntry {
  readonly orgId: string;
  readonly runId: string;
  readonly agent: string;
  readonly version: number;
  readonly most: number;
}

/**
 * Lets a run in where fewer than `most` others of its version are executed, over all workers; it holds its place until it is
 * claimed, for ten seconds at most, and as long as it runs. Indexes runs_by_state and runs_entering.
 * @returns false where it must wait
 */
export async function adminEnterVersion(db: Database, { orgId, runId, agent, version, most }: VersionEntry): Promise<boolean> {
  const [answer] = await reaching(() => db.sql<{ entered: boolean }[]>`
    SELECT enter_version(${orgId}, ${agent}, ${version}::integer, ${runId}, ${most}::integer) AS entered`);
  return answer?.entered === true;
}
