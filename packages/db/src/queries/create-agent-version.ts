import type postgres from 'postgres';

import { BullpenError, newId, type AgentManifest, type AgentVersion } from '@bullpen/core';

import type { Database } from '../database.ts';
import { constraintOf, postgresCodeOf, reaching } from '../postgres-errors.ts';
import { findVersion } from './resolve-version.ts';

export interface NewAgentVersion {
  agent: string;
  manifest: AgentManifest;
  /** One ES module as text. */
  bundle: string;
  /** Hex sha256 of its UTF-8 bytes; the caller has checked it. */
  sha256: string;
}

const FOREIGN_KEY_VIOLATION = '23503';
/** character_not_in_repertoire: a NUL. */
const UNSTORABLE_TEXT = '22021';

/**
 * Adds a version, and the agent with its first one. The agent's row is locked meanwhile, so that versions count
 * without gaps. A version that is the same as the newest (bundle and manifest) is not added again.
 *
 * @throws BullpenError NOT_FOUND (the organization), BUNDLE_INVALID (text that Postgres cannot keep).
 */
export async function createAgentVersion(
  db: Database, orgId: string, given: NewAgentVersion,
): Promise<{ version: AgentVersion; created: boolean }> {
  try {
    const { version, created } = await reaching(() => db.sql.begin((transaction) => addVersion(transaction, orgId, given)));
    return { version: await findVersion(db, orgId, given.agent, version), created };
  } catch (error) {
    throw namedFault(error, orgId);
  }
}

async function addVersion(
  transaction: postgres.TransactionSql, orgId: string, { agent, manifest, bundle, sha256 }: NewAgentVersion,
): Promise<{ version: number; created: boolean }> {
  await transaction`INSERT INTO agents (org_id, name) VALUES (${orgId}, ${agent}) ON CONFLICT DO NOTHING`;
  await transaction`SELECT 1 FROM agents WHERE org_id = ${orgId} AND name = ${agent} FOR UPDATE`;
  const manifestJson = JSON.stringify(manifest);
  const [newest] = await transaction<{ version: number; same: boolean }[]>`
    SELECT version, sha256 = ${sha256} AND manifest = ${manifestJson}::text::jsonb AS same
    FROM agent_versions WHERE org_id = ${orgId} AND agent = ${agent}
    ORDER BY version DESC LIMIT 1`;
  if (newest?.same) return { version: newest.version, created: false };
  const version = (newest?.version ?? 0) + 1;
  await transaction`
    INSERT INTO bundles (org_id, sha256, code, bytes) VALUES (${orgId}, ${sha256}, ${bundle}, ${Buffer.byteLength(bundle)})
    ON CONFLICT DO NOTHING`;
  await transaction`
    INSERT INTO agent_versions (id, org_id, agent, version, sha256, manifest)
    VALUES (${newId('version')}, ${orgId}, ${agent}, ${version}, ${sha256}, ${manifestJson}::text::jsonb)`;
  await transaction`UPDATE agents SET latest_version = ${version} WHERE org_id = ${orgId} AND name = ${agent}`;
  return { version, created: true };
}

function namedFault(error: unknown, orgId: string): unknown {
  const code = postgresCodeOf(error);
  if (code === FOREIGN_KEY_VIOLATION && constraintOf(error) === 'agents_org_id_fkey') {
    return new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId }, { cause: error });
  }
  if (code === UNSTORABLE_TEXT) return new BullpenError('BUNDLE_INVALID', 'the bundle holds a NUL character', {}, { cause: error });
  return error;
}
