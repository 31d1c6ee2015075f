import type { Deployment, VersionSample } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/** Ended runs that are looked at per version, at most: the newest. */
const MOST_RUNS = 2000;
/** How far before the canary's start runs of the stable version are looked at: its own traffic may be thin. */
const STABLE_BEFORE = '1 day';

/** What the ended runs of a deployment's two versions say: index runs_by_agent, read backwards. */
export async function sampleVersions(db: Database, { orgId, agent, version, canary, canaryStartedAt }: Deployment): Promise<{ stable: VersionSample; canary: VersionSample }> {
  const sampleOf = async (one: number, since: string): Promise<VersionSample> => {
    const rows = await reading(() => db.sql<{ succeeded: boolean; wallMs: number | null }[]>`
      SELECT r.state = 'succeeded' AS succeeded, (r.usage->>'wallMs')::double precision AS "wallMs" FROM runs r
      WHERE r.org_id = ${orgId} AND r.agent = ${agent} AND r.version = ${one} AND r.queued_at >= ${since}::timestamptz
        AND r.state IN ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed')
      ORDER BY r.id DESC LIMIT ${MOST_RUNS}`);
    return {
      runs: rows.length,
      failures: rows.filter(({ succeeded }) => !succeeded).length,
      wallMs: rows.flatMap(({ succeeded, wallMs }) => (succeeded && wallMs !== null ? [wallMs] : [])),
    };
  };
  if (canary === null || canaryStartedAt === null) return { stable: NO_RUNS, canary: NO_RUNS };
  const [{ since } = { since: canaryStartedAt }] = await reading(() => db.sql<{ since: string }[]>`
    SELECT ${canaryStartedAt}::timestamptz - ${STABLE_BEFORE}::interval AS since`);
  const [stableSample, canarySample] = await Promise.all([sampleOf(version, since), sampleOf(canary.version, canaryStartedAt)]);
  return { stable: stableSample, canary: canarySample };
}

const NO_RUNS: VersionSample = { runs: 0, failures: 0, wallMs: [] };
