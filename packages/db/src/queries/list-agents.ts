import { and, desc, eq, lt, or, sql } from 'drizzle-orm';

import type { Agent, AgentVersion } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { agentVersions, agents, bundles } from '../schema.ts';

/** A page: how many, and where the page before ended. */
export interface PageRequest {
  limit: number;
  cursor?: string | undefined;
}

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** Agents of an organization, newest first: index agents_newest. */
export async function listAgents(db: Database, orgId: string, { limit, cursor }: PageRequest): Promise<Page<Agent>> {
  const [createdAt = '', name = ''] = cursor === undefined ? [] : decodeCursor('agents', cursor, 'time', 'text');
  const before = cursor === undefined ? undefined : or(lt(agents.createdAt, createdAt), and(eq(agents.createdAt, createdAt), lt(agents.name, name)));
  const rows = await reading(() => db.tenant(orgId, ({ orm }) => orm.select().from(agents)
    .where(and(eq(agents.orgId, orgId), before))
    .orderBy(desc(agents.createdAt), desc(agents.name))
    .limit(limit + 1)));
  return toPage('agents', rows, limit, (row) => [row.createdAt, row.name], (row) => row);
}

/** Versions of an agent, newest first: index agent_versions_number. An agent that is not there has none. */
export async function listVersions(
  db: Database, orgId: string, agent: string, { limit, cursor }: PageRequest,
): Promise<Page<AgentVersion>> {
  const before = cursor === undefined ? undefined : lt(agentVersions.version, sql`${decodeCursor('versions', cursor, 'number')[0]}::integer`);
  const rows = await reading(() => db.tenant(orgId, ({ orm }) => orm
    .select({
      id: agentVersions.id, orgId: agentVersions.orgId, agent: agentVersions.agent, version: agentVersions.version,
      sha256: agentVersions.sha256, bundleBytes: bundles.bytes, manifest: agentVersions.manifest, createdAt: agentVersions.createdAt,
    })
    .from(agentVersions)
    .innerJoin(bundles, and(eq(bundles.orgId, agentVersions.orgId), eq(bundles.sha256, agentVersions.sha256)))
    .where(and(eq(agentVersions.orgId, orgId), eq(agentVersions.agent, agent), before))
    .orderBy(desc(agentVersions.version))
    .limit(limit + 1)));
  return toPage('versions', rows, limit, (row) => [String(row.version)], (row) => row);
}
