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
 * Adds a version, and the agent with its first one, by the database's function of this name: one statement, so that a
 * connection that is lost meanwhile leaves all or nothing. A version that is the same as the newest (bundle and manifest)
 * is not added again.
 *
 * @throws BullpenError NOT_FOUND (the organization), BUNDLE_INVALID (text that Postgres cannot keep), SERVICE_UNAVAILABLE
 * (it may have been added all the same: then the same call finds it).
 */
export async function createAgentVersion(
  db: Database, orgId: string, { agent, manifest, bundle, sha256 }: NewAgentVersion,
): Promise<{ version: AgentVersion; created: boolean }> {
  try {
    const [added] = await reaching(() => db.tenant(orgId, ({ sql }) => sql<{ version: number; created: boolean }[]>`
      SELECT version, created FROM create_agent_version(
        ${orgId}, ${agent}, ${newId('version')}, ${sha256}, ${bundle}, ${Buffer.byteLength(bundle)}::integer, ${JSON.stringify(manifest)}::text::jsonb)`));
    if (added === undefined) throw new BullpenError('INTERNAL', `create_agent_version did not answer for ${agent}`);
    return { version: await findVersion(db, orgId, agent, added.version), created: added.created };
  } catch (error) {
    throw namedFault(error, orgId);
  }
}

function namedFault(error: unknown, orgId: string): unknown {
  const code = postgresCodeOf(error);
  if (code === FOREIGN_KEY_VIOLATION && constraintOf(error) === 'agents_org_id_fkey') {
    return new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId }, { cause: error });
  }
  if (code === UNSTORABLE_TEXT) return new BullpenError('BUNDLE_INVALID', 'the bundle holds a NUL character', {}, { cause: error });
  return error;
}
