import type { CanaryHealth, Deployment } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { DEPLOYMENT_COLUMNS } from '../queries/deployments.ts';

/** A deployment whose canary is watched. */
export interface WatchedDeployment extends Deployment {
  canaryLooks: number;
}

/** Deployments with a canary that may be rolled back by itself: index deployments_with_canary. */
export async function adminListCanaries(db: Database, limit: number): Promise<WatchedDeployment[]> {
  const rows = await reading(() => db.sql<WatchedDeployment[]>`
    SELECT ${db.sql.unsafe(DEPLOYMENT_COLUMNS)}, d.canary_looks AS "canaryLooks" FROM deployments d
    WHERE d.canary IS NOT NULL AND d.canary->'policy' <> 'null'::jsonb ORDER BY d.org_id, d.agent, d.name LIMIT ${limit}`);
  return [...rows];
}

/** The health of a canary has been judged once more. */
export async function adminNoteCanaryLook(db: Database, { orgId, agent, name, revision }: Deployment, looks: number): Promise<void> {
  await reaching(() => db.sql`
    UPDATE deployments SET canary_looks = ${looks}
    WHERE org_id = ${orgId} AND agent = ${agent} AND name = ${name} AND revision = ${revision} AND canary_looks < ${looks}`);
}

/** Ends a canary because of its health. False: the deployment was changed in between, and what was decided is void. */
export async function adminRollBackCanary(db: Database, deployment: Deployment, health: CanaryHealth): Promise<boolean> {
  const { orgId, agent, name, revision, version, canary } = deployment;
  const lastRollback = { at: new Date().toISOString(), from: canary?.version ?? version, to: version, automatic: true, health };
  const moved = await reaching(() => db.sql`
    UPDATE deployments SET canary = NULL, canary_started_at = NULL, canary_looks = 0, revision = revision + 1, updated_at = now(),
      last_rollback = ${JSON.stringify(lastRollback)}::text::jsonb
    WHERE org_id = ${orgId} AND agent = ${agent} AND name = ${name} AND revision = ${revision} AND canary IS NOT NULL`);
  return moved.count === 1;
}
