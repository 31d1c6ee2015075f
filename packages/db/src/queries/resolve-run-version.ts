import { createHash } from 'node:crypto';

import { BullpenError, DEFAULT_DEPLOYMENT, type AgentVersion } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/** What a run says of the version it wants. */
export interface WantedVersion {
  agent: string;
  version?: number | undefined;
  deployment?: string | undefined;
  fairnessKey?: string | undefined;
}

type Row = AgentVersion & { id: string | null; latestVersion: number | null; deployed: string | null };

/**
 * The version that a run takes: the one it names; else what the deployment it names says (or `production`, where there
 * is one), canary included; else the newest. One statement by primary keys.
 * @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND (no such version or deployment), INVALID_REQUEST (both are named).
 */
export async function resolveRunVersion(db: Database, orgId: string, wanted: WantedVersion, random: () => number = Math.random): Promise<AgentVersion> {
  const { agent, version, deployment, fairnessKey } = wanted;
  if (version !== undefined && deployment !== undefined) throw new BullpenError('INVALID_REQUEST', 'give a version or a deployment, not both');
  const name = deployment ?? DEFAULT_DEPLOYMENT;
  const draw = fairnessKey === undefined ? random() * 100 : shareOf(`${orgId}/${agent}/${name}/${fairnessKey}`);
  const [found] = await reading(() => db.sql<Row[]>`
    SELECT a.latest_version AS "latestVersion", d.name AS deployed, v.id, v.org_id AS "orgId", v.agent, v.version, v.sha256,
      b.bytes AS "bundleBytes", v.manifest, v.created_at AS "createdAt"
    FROM agents a
    LEFT JOIN deployments d ON d.org_id = a.org_id AND d.agent = a.name AND d.name = ${name}
    LEFT JOIN agent_versions v ON v.org_id = a.org_id AND v.agent = a.name AND v.version = coalesce(
      ${version ?? null}::integer,
      CASE WHEN d.canary->'fairnessKeys' @> to_jsonb(${fairnessKey ?? null}::text) OR ${draw}::double precision < (d.canary->>'percent')::double precision
        THEN (d.canary->>'version')::integer ELSE d.version END,
      CASE WHEN ${deployment === undefined} THEN a.latest_version END)
    LEFT JOIN bundles b ON b.org_id = v.org_id AND b.sha256 = v.sha256
    WHERE a.org_id = ${orgId} AND a.name = ${agent}`);
  return checked(found, wanted);
}

function checked(found: Row | undefined, { agent, version, deployment }: WantedVersion): AgentVersion {
  if (found === undefined || found.latestVersion === null) throw new BullpenError('AGENT_NOT_FOUND', `no agent ${agent}`, { agent });
  if (deployment !== undefined && found.deployed === null) throw new BullpenError('NOT_FOUND', `agent ${agent} has no deployment ${deployment}`, { agent, deployment });
  if (found.id === null) throw new BullpenError('NOT_FOUND', `agent ${agent} has no version ${version}`, { agent, version });
  const { latestVersion: _latest, deployed: _deployed, ...row } = found;
  return row;
}

/** The same text gives the same number from 0 up to 100: who has seen the canary once goes on seeing it. */
function shareOf(text: string): number {
  return (createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32) * 100;
}
