import { BullpenError, type AgentVersion } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/**
 * A version of an agent, the newest where no number is given: by the primary key of agents and the index
 * agent_versions_number.
 *
 * @throws BullpenError AGENT_NOT_FOUND (no such agent, or it has no version), NOT_FOUND (no such version of it).
 */
export async function resolveVersion(db: Database, orgId: string, agent: string, version?: number): Promise<AgentVersion> {
  return findVersion(db, orgId, agent, version ?? null);
}

/** Null: the newest. */
export async function findVersion(db: Database, orgId: string, agent: string, version: number | null): Promise<AgentVersion> {
  const [found] = await reading(() => db.tenant(orgId, ({ sql }) => sql<(AgentVersion & { latestVersion: number | null })[] | NoVersionRow[]>`
    SELECT a.latest_version AS "latestVersion", v.id, v.org_id AS "orgId", v.agent, v.version, v.sha256,
      b.bytes AS "bundleBytes", v.manifest, v.created_at AS "createdAt"
    FROM agents a
    LEFT JOIN agent_versions v
      ON v.org_id = a.org_id AND v.agent = a.name AND v.version = coalesce(${version}::integer, a.latest_version)
    LEFT JOIN bundles b ON b.org_id = v.org_id AND b.sha256 = v.sha256
    WHERE a.org_id = ${orgId} AND a.name = ${agent}`));
  if (!found || found.latestVersion === null) throw new BullpenError('AGENT_NOT_FOUND', `no agent ${agent}`, { agent });
  if (found.id === null) throw new BullpenError('NOT_FOUND', `agent ${agent} has no version ${version}`, { agent, version });
  const { latestVersion: _, ...row } = found;
  return row;
}

interface NoVersionRow {
  id: null;
  latestVersion: number | null;
}
