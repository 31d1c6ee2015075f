import type { RunFilter } from '@bullpen/core';
import type postgres from 'postgres';

/** What `r` must fulfil beside its organization and state; each part stands alone, so any may be left out. */
export function runConditions(sql: postgres.Sql, filter: RunFilter): postgres.Fragment {
  const { agent, version, tags, errorCode, fairnessKey, metadata, queuedAfter, queuedBefore } = filter;
  return sql`
    ${agent === undefined ? sql`` : sql`AND r.agent = ${agent}`}
    ${version === undefined ? sql`` : sql`AND r.version = ${version}`}
    ${tags === undefined ? sql`` : sql`AND r.tags <> '[]' AND r.tags @> ${JSON.stringify(tags)}::text::jsonb`}
    ${errorCode === undefined ? sql`` : sql`AND r.error->>'code' = ${errorCode}`}
    ${fairnessKey === undefined ? sql`` : sql`AND r.fairness_key = ${fairnessKey}`}
    ${metadata === undefined ? sql`` : sql`AND r.metadata @> ${JSON.stringify(metadata)}::text::jsonb`}
    ${queuedAfter === undefined ? sql`` : sql`AND r.queued_at > ${queuedAfter}::timestamptz`}
    ${queuedBefore === undefined ? sql`` : sql`AND r.queued_at < ${queuedBefore}::timestamptz`}`;
}
