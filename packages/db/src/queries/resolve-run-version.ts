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

/** The version that was wanted, or why there is none. `isDrawn`: a canary is under way, and the next one that wants the same may get another. */
export type ResolvedVersion = { ok: true; version: AgentVersion; isDrawn: boolean } | { ok: false; error: BullpenError };

type Row = AgentVersion & { id: string | null; n: number; latestVersion: number | null; deployed: string | null; hasCanary: boolean; canaryPercent: number | null };

/** What is looked up once for all that want the same; of a canary both versions, since each run draws for itself. */
interface Asked {
  readonly want: WantedOfOrganization;
  readonly draw: number;
}

/** Draws that take the canary where any share of the runs does, and never. */
const LUCKY = 0;
const UNLUCKY = 100;

const find = givenStatement<Asked & { n: number }, Row>([
  ['n', 'integer', ({ n }) => n],
  ['org_id', 'text', ({ want }) => want.orgId],
  ['agent', 'text', ({ want }) => want.agent],
  ['version', 'integer', ({ want }) => want.version ?? null],
  ['deployment', 'text', ({ want }) => want.deployment ?? null],
  ['fairness_key', 'text', ({ want }) => want.fairnessKey ?? null],
  ['draw', 'double precision', ({ draw }) => draw],
], (given) => `
  SELECT given.n, a.latest_version AS "latestVersion", d.name AS deployed, d.canary IS NOT NULL AS "hasCanary", (d.canary->>'percent')::double precision AS "canaryPercent",
    v.id, v.org_id AS "orgId", v.agent, v.version, v.sha256, b.bytes AS "bundleBytes", v.manifest, v.created_at AS "createdAt"
  FROM ${given}
  JOIN agents a ON a.org_id = given.org_id AND a.name = given.agent
  LEFT JOIN deployments d ON d.org_id = a.org_id AND d.agent = a.name AND d.name = coalesce(given.deployment, ${literal(DEFAULT_DEPLOYMENT)})
  LEFT JOIN agent_versions v ON v.org_id = a.org_id AND v.agent = a.name AND v.version = coalesce(
    given.version,
    CASE WHEN d.canary->'fairnessKeys' @> to_jsonb(given.fairness_key) OR given.draw < (d.canary->>'percent')::double precision
      THEN (d.canary->>'version')::integer ELSE d.version END,
    CASE WHEN given.deployment IS NULL THEN a.latest_version END)
  LEFT JOIN bundles b ON b.org_id = v.org_id AND b.sha256 = v.sha256`, { plansBySize: false });

/**
 * The version that a run takes: the one it names; else what the deployment it names says (or `production`, where there
 * is one), canary included; else the newest. One statement by primary keys for as many runs as ask at once, with a row for each that wants
 * something else: a crowd mostly wants the same.
 */
export async function resolveRunVersions(db: Database, wanted: readonly WantedOfOrganization[], random: () => number = Math.random): Promise<ResolvedVersion[]> {
  const groups = [...Map.groupBy(wanted.keys(), (n) => keyOf(wanted[n]!)).values()];
  const asked = groups.map((places) => askedFor(wanted[places[0]!]!, places.length, random));
  const rows = await reading(() => find(db, asked.flat().map((one, n) => ({ ...one, n }))));
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  const answers = new Array<ResolvedVersion>(wanted.length);
  let n = 0;
  groups.forEach((places, g) => {
    const want = wanted[places[0]!]!;
    const found = asked[g]!.map(() => byNumber.get(n++));
    const resolvedOnes = found.map((row) => resolved(row, want));
    for (const place of places) {
      const isUnlucky = found.length === 2 && !(random() * 100 < (found[0]?.canaryPercent ?? 0));
      answers[place] = resolvedOnes[isUnlucky ? 1 : 0]!;
    }
  });
  return answers;
}

/** The same for all that want the same. */
function keyOf({ orgId, agent, version, deployment, fairnessKey }: WantedOfOrganization): string {
  return JSON.stringify([orgId, agent, version, deployment, fairnessKey]);
}

function askedFor(want: WantedOfOrganization, runs: number, random: () => number): Asked[] {
  if (want.version !== undefined) return [{ want, draw: UNLUCKY }];
  if (runs === 1 || want.fairnessKey !== undefined) return [{ want, draw: drawOf(want, random) }];
  return [{ want, draw: LUCKY }, { want, draw: UNLUCKY }];
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
  const { n: _n, latestVersion: _latest, deployed: _deployed, hasCanary, canaryPercent: _percent, ...row } = found;
  return { ok: true, version: row, isDrawn: hasCanary && version === undefined };
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
