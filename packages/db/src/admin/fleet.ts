import type { ContainerSnapshot, WorkerSnapshot } from '@bullpen/core';

import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reaching } from '../postgres-errors.ts';

/**
 * Writes down what a worker reports of itself and its containers, in one statement by primary keys. A container that was
 * reported before and is missing now is dead. Containers of an organization that is gone are left out. A worker that was
 * taken for lost and speaks again is running again.
 */
export async function adminRecordWorker(db: Database, worker: WorkerSnapshot, state: WorkerSnapshot['state'] | 'stopped'): Promise<void> {
  const containers = state === 'stopped' ? [] : worker.organizations.flatMap((organization) => organization.containers);
  await reaching(() => db.sql`
    WITH reported AS (
      INSERT INTO workers (id, host, pid, state, slots, running, rss_mb, isolation, started_at, seen_at, ended_at)
      VALUES (${worker.id}, ${worker.host}, ${worker.pid}, ${state}, ${worker.slots}, ${worker.running}, ${worker.rssMb},
        ${worker.isolation === undefined ? null : JSON.stringify(worker.isolation)}::text::jsonb, ${worker.startedAt}::timestamptz, now(),
        CASE WHEN ${state}::text = 'stopped' THEN now() END)
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, slots = excluded.slots, running = excluded.running, rss_mb = excluded.rss_mb,
        isolation = coalesce(excluded.isolation, workers.isolation), seen_at = excluded.seen_at, ended_at = excluded.ended_at
      RETURNING id
    ), given AS (
      ${givenContainers(db, containers, Date.parse(worker.at))}
    ), kept AS (
      INSERT INTO containers (id, org_id, worker_id, tier, state, death, limit_mb, heap_mb, external_mb, cpu_ms, runs, run_id, started_at, seen_at, ended_at)
      SELECT given.id, given.org_id, reported.id, tier, state, death, limit_mb, heap_mb, external_mb, cpu_ms, runs, run_id, started_at, now(),
        CASE WHEN state = 'dead' THEN now() END
      FROM given CROSS JOIN reported WHERE EXISTS (SELECT FROM organizations o WHERE o.id = given.org_id)
      ORDER BY given.id
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, death = excluded.death, limit_mb = excluded.limit_mb, heap_mb = excluded.heap_mb,
        external_mb = excluded.external_mb, cpu_ms = excluded.cpu_ms, runs = excluded.runs, run_id = excluded.run_id, seen_at = excluded.seen_at,
        ended_at = CASE WHEN excluded.state = 'dead' THEN coalesce(containers.ended_at, now()) END
    )
    UPDATE containers SET state = 'dead', ended_at = now()
    WHERE worker_id = ${worker.id} AND ended_at IS NULL AND id NOT IN (SELECT id FROM given)`);
}

function givenContainers({ sql }: Database, containers: readonly ContainerSnapshot[], atMs: number) {
  return sql`SELECT * FROM unnest(
    ${column(containers, (container) => container.id)}::text[],
    ${column(containers, (container) => container.orgId)}::text[],
    ${column(containers, (container) => container.tier)}::text[],
    ${column(containers, (container) => container.state)}::text[],
    ${column(containers, (container) => container.death)}::text[],
    ${column(containers, (container) => container.limitMb)}::integer[],
    ${column(containers, (container) => container.heapMb)}::double precision[],
    ${column(containers, (container) => container.externalMb)}::double precision[],
    ${column(containers, (container) => container.cpuMs)}::double precision[],
    ${column(containers, (container) => container.runs)}::integer[],
    ${column(containers, (container) => container.runId)}::text[],
    ${column(containers, (container) => timeText(atMs - container.ageMs))}::timestamptz[]
  ) AS given (id, org_id, tier, state, death, limit_mb, heap_mb, external_mb, cpu_ms, runs, run_id, started_at)`;
}
