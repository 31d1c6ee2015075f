import { createHash } from 'node:crypto';

import { BullpenError, DEFAULT_DEPLOYMENT, type AgentVersion } from '@bullpen/core';

import type { Database } from '../database.ts';
import { givenStatement, literal } from '../given-rows.ts';
import { reading } from '../postgres-errors.ts';

/** What a run says of the version it wants. */
export interface WantedVersion {
  agent: string;
  version?: number | undefined;
  deployment?: string | undefined;
  fairnessKey?: string | undefined;
}

export interface WantedOfOrganization extends WantedVersion {
  orgId: string;
}

/** The version that was wanted, or why there is none. */
export type ResolvedVersion = { ok: true; version: AgentVersion } | { ok: false; error: BullpenError };

type Row = AgentVersion & { id: string | null; n: number; latestVersion: number | null; deployed: string | null };

interface Asked {
  n: number;
  one: WantedOfOrganization;
  draw: number;
}

const find = givenStatement<Asked, Row>([
  ['n', 'integer', ({ n }) => n],
  ['org_id', 'text', ({ one }) => one.orgId],
  ['agent', 'text', ({ one }) => one.agent],
  ['version', 'integer', ({ one }) => one.version ?? null],
  ['deployment', 'text', ({ one }) => one.deployment ?? null],
  ['fairness_key', 'text', ({ one }) => one.fairnessKey ?? null],
  ['draw', 'double precision', ({ draw }) => draw],
], (given) => `
  SELECT given.n, a.latest_version AS "latestVersion", d.name AS deployed, v.id, v.org_id AS "orgId", v.agent, v.version, v.sha256,
    b.bytes AS "bundleBytes", v.manifest, v.created_at AS "createdAt"
  FROM ${given}
  JOIN agents a ON a.org_id = given.org_id AND a.name = given.agent
  LEFT JOIN deployments d ON d.org_id = a.org_id AND d.agent = a.name AND d.name = coalesce(given.deployment, ${literal(DEFAULT_DEPLOYMENT)})
  LEFT JOIN agent_versions v ON v.org_id = a.org_id AND v.agent = a.name AND v.version = coalesce(
    given.version,
    CASE WHEN d.canary->'fairnessKeys' @> to_jsonb(given.fairness_key) OR given.draw < (d.canary->>'percent')::double precision
      THEN (d.canary->>'version')::integer ELSE d.version END,
    CASE WHEN given.deployment IS NULL THEN a.latest_version END)
  LEFT JOIN bundles b ON b.org_id = v.org_id AND b.sha256 = v.sha256`);

/**
 * The version that a run takes: the one it names; else what the deployment it names says (or `production`, where there
 * is one), canary included; else the newest. One statement by primary keys for as many runs as ask at once.
 */
export async function resolveRunVersions(db: Database, wanted: readonly WantedOfOrganization[], random: () => number = Math.random): Promise<ResolvedVersion[]> {
  const rows = await reading(() => find(db, wanted.map((one, n) => ({ n, one, draw: drawOf(one, random) }))));
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  return wanted.map((one, n) => resolved(byNumber.get(n), one));
}

/** The same for one run. @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND (no such version or deployment), INVALID_REQUEST (both are named). */
export async function resolveRunVersion(db: Database, orgId: string, wanted: WantedVersion): Promise<AgentVersion> {
  const [found] = await resolveRunVersions(db, [{ ...wanted, orgId }]);
  if (found?.ok !== true) throw found?.error ?? new BullpenError('AGENT_NOT_FOUND', `no agent ${wanted.agent}`);
  return found.version;
}

function resolved(found: Row | undefined, { agent, version, deployment }: WantedVersion): ResolvedVersion {
  const refused = (error: BullpenError): ResolvedVersion => ({ ok: false, error });
  if (version !== undefined && deployment !== undefined) return refused(new BullpenError('INVALID_REQUEST', 'give a version or a deployment, not both'));
  if (found === undefined || found.latestVersion === null) return refused(new BullpenError('AGENT_NOT_FOUND', `no agent ${agent}`, { agent }));
  if (deployment !== undefined && found.deployed === null) {
    return refused(new BullpenError('NOT_FOUND', `agent ${agent} has no deployment ${deployment}`, { agent, deployment }));
  }
  if (found.id === null) return refused(new BullpenError('NOT_FOUND', `agent ${agent} has no version ${version}`, { agent, version }));
  const { n: _n, latestVersion: _latest, deployed: _deployed, ...row } = found;
  return { ok: true, version: row };
}

/**
 * A number from 0 up to 100, by which a canary takes its share. The same fairness key draws the same number each time:
 * who has seen the canary once goes on seeing it.
 */
function drawOf({ orgId, agent, deployment, fairnessKey }: WantedOfOrganization, random: () => number): number {
  if (fairnessKey === undefined) return random() * 100;
  const text = `${orgId}/${agent}/${deployment ?? DEFAULT_DEPLOYMENT}/${fairnessKey}`;
  return (createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32) * 100;
}
