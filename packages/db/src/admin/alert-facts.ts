import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import type { MetricsWindow } from '../queries/read-run-metrics.ts';
import { DISABLED_BY_OWNER } from '../queries/webhooks.ts';

/** What alert rules look at, beside the figures of runs. Each answer is by organization, or worker. */

export interface MeasuredSubject {
  subject: string;
  value: number;
}

/** Runs that a limit ended, by primary key of run_metrics; of windows no longer than it is kept. */
export async function adminReadKills(db: Database, { fromMs, toMs }: MetricsWindow): Promise<MeasuredSubject[]> {
  return [...await reading(() => db.sql<MeasuredSubject[]>`
    SELECT org_id AS subject, sum(runs)::bigint AS value FROM run_metrics
    WHERE bucket_at >= ${timeText(fromMs)}::timestamptz AND bucket_at < ${timeText(toMs)}::timestamptz AND outcome IN ('timed_out', 'out_of_memory', 'cpu_exceeded')
    GROUP BY org_id`)];
}

/** Containers that ended for a fault: what each worker's count grew by. Primary key of runtime_samples. */
export async function adminReadContainerFaults(db: Database, { fromMs, toMs }: MetricsWindow): Promise<MeasuredSubject[]> {
  return [...await reading(() => db.sql<MeasuredSubject[]>`
    SELECT subject_id AS subject, sum(grown)::bigint AS value FROM (
      SELECT subject_id, max(deaths) - min(deaths) AS grown FROM runtime_samples
      WHERE at >= ${timeText(fromMs)}::timestamptz AND at < ${timeText(toMs)}::timestamptz AND subject = 'organization'
      GROUP BY subject_id, worker_id
    ) AS by_worker GROUP BY subject_id`)];
}

/** Reserved over pool, the mean of the fullest worker. Primary key of runtime_samples. */
export async function adminReadPoolSaturation(db: Database, { fromMs, toMs }: MetricsWindow): Promise<MeasuredSubject[]> {
  return [...await reading(() => db.sql<MeasuredSubject[]>`
    SELECT subject_id AS subject, max(mean) AS value FROM (
      SELECT subject_id, avg(used_mb / nullif(limit_mb, 0)) AS mean FROM runtime_samples
      WHERE at >= ${timeText(fromMs)}::timestamptz AND at < ${timeText(toMs)}::timestamptz AND subject = 'organization'
      GROUP BY subject_id, worker_id
    ) AS by_worker GROUP BY subject_id`)];
}

/** How long ago each worker of the window was last heard of. One that said goodbye (no slots) is not missed. */
export async function adminReadHeartbeatAges(db: Database, { fromMs, toMs }: MetricsWindow): Promise<MeasuredSubject[]> {
  return [...await reading(() => db.sql<MeasuredSubject[]>`
    SELECT subject, value FROM (
      SELECT DISTINCT ON (worker_id) worker_id AS subject, slots, extract(epoch FROM ${timeText(toMs)}::timestamptz - at)::float8 * 1000 AS value FROM runtime_samples
      WHERE at >= ${timeText(fromMs)}::timestamptz AND subject = 'worker' ORDER BY worker_id, at DESC
    ) AS latest WHERE slots > 0`)];
}

export interface StarvedOrganization extends MeasuredSubject {
  waiting: number;
}

/**
 * How long the oldest run of each organization has waited that could start at once: neither paused, nor at a limit of its own, nor
 * running anything. Indexes runs_waiting and runs_running.
 */
export async function adminReadStarved(db: Database, nowMs: number, olderThanMs: number): Promise<StarvedOrganization[]> {
  return [...await reading(() => db.sql<StarvedOrganization[]>`
    SELECT r.org_id AS subject, extract(epoch FROM ${timeText(nowMs)}::timestamptz - min(coalesce(r.not_before, r.queued_at)))::float8 * 1000 AS value, count(*) AS waiting
    FROM runs r JOIN organizations o ON o.id = r.org_id
    WHERE r.state IN ('scheduled', 'queued', 'retrying') AND coalesce(r.not_before, r.queued_at) < ${timeText(nowMs - olderThanMs)}::timestamptz
      AND NOT coalesce((o.limits ->> 'paused')::boolean, false)
      AND NOT EXISTS (SELECT FROM runs busy WHERE busy.state = 'running' AND busy.org_id = r.org_id)
    GROUP BY r.org_id`)];
}

export interface Holder {
  orgId: string;
  runs: number;
  memoryMb: number;
}

/** The organization whose running runs hold most memory. Index runs_running. */
export async function adminReadLargestHolder(db: Database): Promise<Holder | null> {
  const [holder] = await reading(() => db.sql<Holder[]>`
    SELECT org_id AS "orgId", count(*) AS runs, sum(memory_mb)::bigint AS "memoryMb" FROM runs WHERE state = 'running' GROUP BY org_id ORDER BY 3 DESC, 1 LIMIT 1`);
  return holder ?? null;
}

/** Webhooks that were given up, not by their owners; of the platform's own there is nobody to tell. There are few webhooks: all are looked at. */
export async function adminReadDisabledWebhooks(db: Database, { fromMs, toMs }: MetricsWindow): Promise<MeasuredSubject[]> {
  return [...await reading(() => db.sql<MeasuredSubject[]>`
    SELECT org_id AS subject, count(*)::integer AS value FROM webhooks
    WHERE org_id IS NOT NULL AND disabled_at >= ${timeText(fromMs)}::timestamptz AND disabled_at < ${timeText(toMs)}::timestamptz AND disabled_reason <> ${DISABLED_BY_OWNER}
    GROUP BY org_id`)];
}
