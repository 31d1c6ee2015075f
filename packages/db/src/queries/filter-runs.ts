import type { NewRun, RunFilter, RunState } from '@bullpen/core';

import { column } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import { stateList } from './run-columns.ts';
import { runConditions } from './run-conditions.ts';

/** What the key of a run's first replay begins with. A space, which no key of a caller's has; its run's id follows. */
const REPLAY_KEY = 'replay ';

/** Under this key the replay of a run is made once. */
export function replayKeyOf(runId: string): string {
  return `${REPLAY_KEY}${runId}`;
}

/**
 * Ids of the organization's runs that match, newest first, before `beforeId`: primary key, read backwards.
 * @param among - only runs in one of these states, whatever the filter says
 * @param page.notReplayed - without those that a replay was made of: index runs_idempotency, once a run that matches
 */
export async function listFilteredRunIds(
  db: Database, orgId: string, filter: RunFilter, among: readonly RunState[], page: { beforeId?: string; limit: number; notReplayed?: boolean },
): Promise<string[]> {
  const states = filter.states === undefined ? among : among.filter((state) => filter.states?.includes(state));
  if (states.length === 0) return [];
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ id: string }[]>`
    SELECT r.id FROM runs r
    WHERE r.org_id = ${orgId} AND r.state IN (${stateList(sql, states)}) ${runConditions(sql, filter)}
      ${page.beforeId === undefined ? sql`` : sql`AND r.id < ${page.beforeId}`}
      ${page.notReplayed === true ? sql`AND NOT EXISTS (SELECT FROM runs made WHERE made.org_id = ${orgId} AND made.idempotency_key = ${REPLAY_KEY} || r.id)` : sql``}
    ORDER BY r.id DESC LIMIT ${page.limit}`));
  return rows.map(({ id }) => id);
}

/** What is needed to run these again: the version, input and limits they had. By primary key, in the order of `runIds`. */
export async function readRunsToReplay(db: Database, orgId: string, runIds: readonly string[]): Promise<Omit<NewRun, 'ttlMs' | 'delayMs' | 'idempotencyKey' | 'requestHash'>[]> {
  const rows = await reading(() => db.tenant(orgId, ({ sql }) => sql<Omit<NewRun, 'ttlMs' | 'delayMs' | 'idempotencyKey' | 'requestHash'>[]>`
    SELECT r.id, r.org_id AS "orgId", r.agent, r.version, r.version_id AS "versionId", r.tier, r.timeout_ms AS "timeoutMs", r.memory_mb AS "memoryMb",
      r.limits, r.max_attempts AS "maxAttempts", r.backoff, r.input::text AS "inputJson", r.metadata, r.tags, r.priority, r.fairness_key AS "fairnessKey"
    FROM runs r WHERE r.org_id = ${orgId} AND r.id = ANY (${column(runIds, (runId) => runId)}::text[]) ORDER BY r.id DESC`));
  return [...rows];
}
