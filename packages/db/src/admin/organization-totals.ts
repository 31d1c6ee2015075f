import { arrayLiteral, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import type { HistogramRow, RunSumsRow } from '../queries/read-run-metrics.ts';

/**
 * What each organization ran until an instant, by primary key of organization_totals, one look-up each. The instant is an hour of the last
 * three days or a midnight: of other times there are no rows. Worst waits do not add up, and are in the histograms only.
 */
export async function adminReadTotals(db: Database, untilMs: number): Promise<RunSumsRow[]> {
  const rows = await reading(() => db.sql<RunSumsRow[]>`
    SELECT o.id AS key, 0::bigint AS "atMs", t.runs, t.failures, t.wall_ms AS "wallMs", t.cpu_ms AS "cpuMs", t.gb_seconds AS "gbSeconds", t.queue_wait_ms AS "queueWaitMs",
      0::float8 AS "worstQueueWaitMs", t.egress_bytes AS "egressBytes", t.tokens
    FROM organizations o CROSS JOIN LATERAL (
      SELECT runs, failures, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, egress_bytes, tokens FROM organization_totals t
      WHERE t.org_id = o.id AND t.until_at <= ${timeText(untilMs)}::timestamptz ORDER BY t.until_at DESC LIMIT 1
    ) t`);
  return [...rows];
}

/** Their histograms, of these organizations. */
export async function adminReadTotalHistograms(db: Database, untilMs: number, orgIds: readonly string[]): Promise<HistogramRow[]> {
  const rows = await reading(() => db.sql<HistogramRow[]>`
    SELECT o.id AS key, 0::bigint AS "atMs", t.wall_text AS wall, t.cpu_text AS cpu, t.queue_wait_text AS "queueWait"
    FROM unnest(${arrayLiteral(orgIds)}::text[]) AS o (id) CROSS JOIN LATERAL (
      SELECT wall_text, cpu_text, queue_wait_text FROM organization_totals t
      WHERE t.org_id = o.id AND t.until_at <= ${timeText(untilMs)}::timestamptz ORDER BY t.until_at DESC LIMIT 1
    ) t`);
  return [...rows];
}
