import { column, timeText } from '../array-literal.ts';
import type { Database } from '../database.ts';
import { postgresCodeOf, reaching } from '../postgres-errors.ts';
import { makeMetricPartitions } from './add-run-metrics.ts';

/** Gauges of a worker, of an organization on it, or of a container; null where a subject has no such thing. */
export interface RuntimeSample {
  /** Wall clock, ms since the epoch. */
  atMs: number;
  workerId: string;
  subject: 'worker' | 'organization' | 'container';
  subjectId: string;
  orgId: string | null;
  running: number | null;
  slots: number | null;
  limitMb: number | null;
  usedMb: number | null;
  cpuMs: number | null;
  eventLoopDelayMs: number | null;
  /** Since the start of the subject. */
  runs: number | null;
  failures: number | null;
  deaths: number | null;
}

const CHECK_VIOLATION = '23514';

/**
 * Inserts the samples that are not there yet (their primary key is when and of what), so that they may be sent again. Those of an
 * organization that is gone are left out.
 */
export async function addRuntimeSamples(db: Database, samples: readonly RuntimeSample[]): Promise<void> {
  try {
    await reaching(() => insertSamples(db, samples));
  } catch (error) {
    if (postgresCodeOf(error) !== CHECK_VIOLATION) throw error;
    await makeMetricPartitions(db, 'runtime_samples', samples.map(({ atMs }) => atMs));
    await reaching(() => insertSamples(db, samples));
  }
}

async function insertSamples({ sql }: Database, samples: readonly RuntimeSample[]): Promise<void> {
  const texts = (of: (sample: RuntimeSample) => string | null) => sql`${column(samples, of)}::text[]`;
  const doubles = (of: (sample: RuntimeSample) => number | null) => sql`${column(samples, of)}::double precision[]`;
  const integers = (of: (sample: RuntimeSample) => number | null) => sql`${column(samples, of)}::bigint[]`;
  await sql`
    INSERT INTO runtime_samples (
      at, worker_id, subject, subject_id, org_id, running, slots, limit_mb, used_mb, cpu_ms, event_loop_delay_ms, runs, failures, deaths)
    SELECT given.* FROM unnest(
      ${column(samples, (sample) => timeText(sample.atMs))}::timestamptz[], ${texts((sample) => sample.workerId)}, ${texts((sample) => sample.subject)},
      ${texts((sample) => sample.subjectId)}, ${texts((sample) => sample.orgId)}, ${integers((sample) => sample.running)}::integer[],
      ${integers((sample) => sample.slots)}::integer[], ${doubles((sample) => sample.limitMb)}, ${doubles((sample) => sample.usedMb)},
      ${doubles((sample) => sample.cpuMs)}, ${doubles((sample) => sample.eventLoopDelayMs)}, ${integers((sample) => sample.runs)},
      ${integers((sample) => sample.failures)}, ${integers((sample) => sample.deaths)}
    ) AS given (at, worker_id, subject, subject_id, org_id, running, slots, limit_mb, used_mb, cpu_ms, event_loop_delay_ms, runs, failures, deaths)
    WHERE given.org_id IS NULL OR EXISTS (SELECT 1 FROM organizations o WHERE o.id = given.org_id)
    ON CONFLICT DO NOTHING`;
}
