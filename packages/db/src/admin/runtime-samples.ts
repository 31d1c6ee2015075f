import { timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import type { MetricsWindow } from '../queries/read-run-metrics.ts';

export interface WorkerGauges {
  workerId: string;
  runs: number;
  failures: number;
  slotUtilisation: number | null;
  meanRunning: number;
  mostMb: number;
  cpuUtilisation: number | null;
  worstEventLoopDelayMs: number;
}

/** Each worker of the window, by the primary key of runtime_samples. What counts up is the difference of its ends. */
export async function adminReadWorkerGauges(db: Database, { fromMs, toMs }: MetricsWindow): Promise<WorkerGauges[]> {
  const rows = await reading(() => db.sql<WorkerGauges[]>`
    SELECT worker_id AS "workerId", (max(runs) - min(runs))::bigint AS runs, (max(failures) - min(failures))::bigint AS failures,
      avg(running::double precision / nullif(slots, 0)) AS "slotUtilisation", avg(running)::double precision AS "meanRunning", max(used_mb) AS "mostMb",
      (max(cpu_ms) - min(cpu_ms)) / nullif(extract(epoch FROM max(at) - min(at))::double precision * 1000, 0) AS "cpuUtilisation",
      max(event_loop_delay_ms) AS "worstEventLoopDelayMs"
    FROM runtime_samples
    WHERE at >= ${timeText(fromMs)}::timestamptz AND at < ${timeText(toMs)}::timestamptz AND subject = 'worker'
    GROUP BY worker_id ORDER BY worker_id`);
  return [...rows];
}

export interface Utilisation {
  slots: number | null;
  memory: number | null;
}

/** Running over slots of all workers, reserved over pools of all organizations that held any: both as means over the window. */
export async function adminReadUtilisation(db: Database, { fromMs, toMs }: MetricsWindow): Promise<Utilisation> {
  const [row] = await reading(() => db.sql<Utilisation[]>`
    SELECT sum(running) FILTER (WHERE subject = 'worker')::double precision / nullif(sum(slots) FILTER (WHERE subject = 'worker'), 0) AS slots,
      sum(used_mb) FILTER (WHERE subject = 'organization') / nullif(sum(limit_mb) FILTER (WHERE subject = 'organization'), 0) AS memory
    FROM runtime_samples
    WHERE at >= ${timeText(fromMs)}::timestamptz AND at < ${timeText(toMs)}::timestamptz AND subject <> 'container'`);
  return row ?? { slots: null, memory: null };
}
