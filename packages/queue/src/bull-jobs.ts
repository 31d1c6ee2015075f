import { defined, runJobSchema, type EnqueuedRun, type RunJob } from '@bullpen/core';

/** How a run looks as a BullMQ job, whichever backend keeps it. */

export const JOB_NAME = 'run';
/** Events that BullMQ keeps per queue, roughly. Nothing of Bullpen reads them; stock tools may listen. */
export const KEPT_EVENTS = 100;

/**
 * The job's data, as JSON. Short: Redis keeps a hash in one piece, and works on it several times as fast, as long as none
 * of its values is longer than 64 bytes. So whose run it is and which stays with the queue's name and the job's id.
 */
export function jobDataOf({ memoryMb, agent, version }: EnqueuedRun): string {
  return JSON.stringify(defined({ memoryMb, agent, version }) satisfies RunJob);
}

/** The job's options, as they are kept. Attempts are ours to count, and the record is in Postgres. */
export function jobOptions(run: EnqueuedRun, priority: number): { attempts: number; removeOnComplete: boolean; delay?: number; priority?: number } {
  const { delayMs } = run;
  return { attempts: 1, removeOnComplete: true, ...(delayMs > 0 ? { delay: delayMs } : {}), ...(priority > 0 ? { priority } : {}) };
}

/** Of a run without delay and priority. */
export const PLAIN_OPTIONS = JSON.stringify({ attempts: 1, removeOnComplete: true });

/** The same as JSON. */
export function jobOptionsOf(run: EnqueuedRun, priority: number): string {
  return run.delayMs > 0 || priority > 0 ? JSON.stringify(jobOptions(run, priority)) : PLAIN_OPTIONS;
}

/** What the data of a job say, where they are a run's. */
export type ReadRun = { kind: 'run'; run: { runId: string; memoryMb: number; agent?: string; version?: number } } | { kind: 'foreign'; reason: string };

/** Reads the data of a job of an organization's queue. By hand, since every run comes by here; the schema says what is wrong with one. */
export function readRun(jobId: string, data: string): ReadRun {
  try {
    const job = JSON.parse(data) as Partial<RunJob> | null;
    if (job && isPositive(job.memoryMb) && isOptional('string', job.agent) && isOptional('number', job.version)) {
      return { kind: 'run', run: { runId: jobId, memoryMb: job.memoryMb, ...defined({ agent: job.agent, version: job.version }) } };
    }
    return { kind: 'foreign', reason: String(runJobSchema.safeParse(job).error?.message) };
  } catch (thrown) {
    return { kind: 'foreign', reason: String(thrown) };
  }
}

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isOptional(type: 'string' | 'number', value: unknown): boolean {
  return value === undefined || typeof value === type;
}

/** What a job's run holds, MB; 0 where the job is none of ours. */
export function memoryMbOfData(data: string): number {
  try {
    return runJobSchema.parse(JSON.parse(data)).memoryMb;
  } catch {
    return 0;
  }
}
