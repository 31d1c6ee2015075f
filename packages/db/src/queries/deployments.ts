import { BullpenError, type Canary, type Deployment, type PutDeployment } from '@bullpen/core';
import type postgres from 'postgres';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import type { Page, PageRequest } from './list-agents.ts';

/** What names a deployment within an organization. */
export interface DeploymentRef {
  agent: string;
  name: string;
}

const MOST_HISTORY = 20;

export const DEPLOYMENT_COLUMNS = `
  d.org_id AS "orgId", d.agent, d.name, d.version, d.canary, d.canary_started_at AS "canaryStartedAt", d.revision, d.history,
  d.last_rollback AS "lastRollback", d.updated_at AS "updatedAt"`;

/** Of an agent, by name: primary key. */
export async function listDeployments(db: Database, orgId: string, agent: string, { limit, cursor }: PageRequest): Promise<Page<Deployment>> {
  const after = cursor === undefined ? '' : decodeCursor('deployments', cursor, 'text')[0];
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<Deployment[]>`
    SELECT ${sql.unsafe(DEPLOYMENT_COLUMNS)} FROM deployments d
    WHERE d.org_id = ${orgId} AND d.agent = ${agent} AND d.name > ${after} ORDER BY d.name LIMIT ${limit + 1}`));
  return toPage('deployments', rows, limit, (row) => [row.name], (row) => row);
}

/** By primary key. @throws BullpenError NOT_FOUND. */
export async function getDeployment(db: Database, orgId: string, ref: DeploymentRef): Promise<Deployment> {
  const [found] = await reading(() => db.tenant(orgId, ({ sql }) => sql<Deployment[]>`
    SELECT ${sql.unsafe(DEPLOYMENT_COLUMNS)} FROM deployments d
    WHERE d.org_id = ${orgId} AND d.agent = ${ref.agent} AND d.name = ${ref.name}`));
  if (!found) throw noDeployment(ref);
  return found;
}

/** Makes or changes a deployment; of two at once one comes after the other. @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND (a version). */
export async function putDeployment(db: Database, orgId: string, ref: DeploymentRef, put: PutDeployment): Promise<{ deployment: Deployment; created: boolean }> {
  const before = await reaching(() => db.tenantTransaction(orgId, async (transaction) => {
    await lockAgent(transaction, orgId, ref.agent);
    for (const version of [put.version, ...(put.canary === null ? [] : [put.canary.version])]) await requireVersion(transaction, orgId, ref.agent, version);
    const current = await readForChange(transaction, orgId, ref);
    await writeDeployment(transaction, orgId, ref, { ...put, history: historyOf(current, put.version), lastRollback: current?.lastRollback ?? null }, current);
    return current;
  }));
  return { deployment: await getDeployment(db, orgId, ref), created: before === null };
}

/**
 * Goes back in one call: to `version`, or else out of the canary, or else to the stable version before.
 * @throws BullpenError NOT_FOUND, NOTHING_TO_ROLL_BACK.
 */
export async function rollBackDeployment(db: Database, orgId: string, ref: DeploymentRef, version?: number): Promise<Deployment> {
  await reaching(() => db.tenantTransaction(orgId, async (transaction) => {
    await lockAgent(transaction, orgId, ref.agent);
    const current = await readForChange(transaction, orgId, ref);
    if (current === null) throw noDeployment(ref);
    const [last, ...older] = current.history;
    const to = version ?? (current.canary === null ? last?.version : current.version);
    if (to === undefined) throw new BullpenError('NOTHING_TO_ROLL_BACK', `deployment ${ref.name} of ${ref.agent} has had no version before ${current.version}`);
    if (version !== undefined) await requireVersion(transaction, orgId, ref.agent, version);
    if (to === current.version && current.canary === null) throw new BullpenError('NOTHING_TO_ROLL_BACK', `deployment ${ref.name} of ${ref.agent} is at version ${to} already`);
    // Going back twice goes back two versions, and not to and fro.
    const history = to === last?.version && current.canary === null ? older : historyOf(current, to);
    const lastRollback = { at: new Date().toISOString(), from: current.canary?.version ?? current.version, to, automatic: false, health: null };
    await writeDeployment(transaction, orgId, ref, { version: to, canary: null, history, lastRollback }, current);
  }));
  return getDeployment(db, orgId, ref);
}

/** @throws BullpenError NOT_FOUND. */
export async function deleteDeployment(db: Database, orgId: string, ref: DeploymentRef): Promise<void> {
  const gone = await reaching(() => db.tenant(orgId, ({ sql }) => sql`DELETE FROM deployments WHERE org_id = ${orgId} AND agent = ${ref.agent} AND name = ${ref.name}`));
  if (gone.count === 0) throw noDeployment(ref);
}

interface Written {
  version: number;
  canary: Canary | null;
  history: Deployment['history'];
  lastRollback: Deployment['lastRollback'];
}

async function writeDeployment(
  transaction: postgres.Sql, orgId: string, { agent, name }: DeploymentRef, { version, canary, history, lastRollback }: Written, current: Deployment | null,
): Promise<void> {
  const goesOn = canary !== null && current?.canary?.version === canary.version;
  const canaryJson = canary === null ? null : JSON.stringify(canary);
  await transaction`
    INSERT INTO deployments AS d (org_id, agent, name, version, canary, canary_started_at)
    VALUES (${orgId}, ${agent}, ${name}, ${version}, ${canaryJson}::text::jsonb, CASE WHEN ${canaryJson}::text IS NULL THEN NULL ELSE now() END)
    ON CONFLICT (org_id, agent, name) DO UPDATE SET
      version = excluded.version, canary = excluded.canary,
      canary_started_at = CASE WHEN ${goesOn} THEN d.canary_started_at ELSE excluded.canary_started_at END,
      canary_looks = CASE WHEN ${goesOn} THEN d.canary_looks ELSE 0 END,
      history = ${JSON.stringify(history)}::text::jsonb, last_rollback = ${lastRollback === null ? null : JSON.stringify(lastRollback)}::text::jsonb,
      revision = d.revision + 1, updated_at = now()`;
}

function historyOf(current: Deployment | null, next: number): Deployment['history'] {
  if (current === null) return [];
  if (current.version === next) return current.history;
  return [{ version: current.version, until: new Date().toISOString() }, ...current.history].slice(0, MOST_HISTORY);
}

/** Changes of an agent's deployments and versions come one after the other. */
async function lockAgent(transaction: postgres.Sql, orgId: string, agent: string): Promise<void> {
  const [found] = await transaction`SELECT 1 FROM agents WHERE org_id = ${orgId} AND name = ${agent} FOR UPDATE`;
  if (!found) throw new BullpenError('AGENT_NOT_FOUND', `no agent ${agent}`, { agent });
}

async function readForChange(transaction: postgres.Sql, orgId: string, { agent, name }: DeploymentRef): Promise<Deployment | null> {
  const [found] = await transaction<Deployment[]>`
    SELECT ${transaction.unsafe(DEPLOYMENT_COLUMNS)} FROM deployments d WHERE d.org_id = ${orgId} AND d.agent = ${agent} AND d.name = ${name} FOR UPDATE`;
  return found ?? null;
}

async function requireVersion(transaction: postgres.Sql, orgId: string, agent: string, version: number): Promise<void> {
  const [found] = await transaction`SELECT 1 FROM agent_versions WHERE org_id = ${orgId} AND agent = ${agent} AND version = ${version}`;
  if (!found) throw new BullpenError('NOT_FOUND', `agent ${agent} has no version ${version}`, { agent, version });
}

function noDeployment({ agent, name }: DeploymentRef): BullpenError {
  return new BullpenError('NOT_FOUND', `agent ${agent} has no deployment ${name}`, { agent, name });
}
