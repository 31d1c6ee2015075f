import { z } from 'zod';

import type { OrganizationLimits } from './org-schemas.ts';
import type { QueueCounts, WorkerSnapshot } from './runtime-schemas.ts';
import type { RunSummary } from './run-schemas.ts';
import { runStateSchema, timeSchema } from './fields.ts';
import type { Tier } from './tier.ts';

/** Why a run has not started yet: what it waits for, nearest obstacle first, and when it may start. */

export const WAIT_CAUSES = [
  'not_before', 'organization_paused', 'no_worker', 'no_worker_with_tier', 'at_concurrency', 'rate_window', 'memory_in_flight',
  'memory_pool_full', 'at_version_concurrency', 'runs_ahead', 'organizations_ahead', 'no_free_slot',
] as const;

export const waitCauseSchema = z.strictObject({
  cause: z.enum(WAIT_CAUSES),
  detail: z.string().describe('the same in words'),
  until: timeSchema.optional().describe('when this obstacle ends, where that is known'),
});
export type WaitCause = z.output<typeof waitCauseSchema>;

/** `GET /v1/runs/{id}/why`. */
export const whySchema = z.strictObject({
  runId: z.string(),
  state: runStateSchema,
  causes: z.array(waitCauseSchema).describe('in the order in which they must pass; empty where the run waits for nothing any more'),
  estimate: z.strictObject({
    startsInMs: z.int(),
    lowMs: z.int(),
    highMs: z.int(),
    basis: z.string(),
  }).nullable().describe('null where nothing it could be told from has happened, or an obstacle has no known end'),
}).meta({ id: 'Why' });
export type Why = z.output<typeof whySchema>;

/** An organization as the dispatcher has it at one moment. */
export interface QueueStanding {
  limits: OrganizationLimits;
  counts: QueueCounts;
  /** Organizations whose turn comes before its own, by virtual time. */
  organizationsAhead: number;
  /** Memory of its active runs, MB; null where it has no memory limit. */
  inFlightMb: number | null;
  /** Of the rate window that is used up: how long it lasts; 0 where it is open. */
  rateWindowMs: number;
}

/** The version of the run, as what lets its runs in has it at one moment. */
export interface VersionStanding {
  /** How many of its runs may be executed at once. */
  most: number;
  /** Others of its runs that hold such a place. */
  taken: number;
  /** Of the same version, taken before it. */
  runsAhead: number;
  /** When the version's latest runs started, newest first, epoch ms. */
  recentStartsMs: readonly number[];
}

export interface WaitFacts {
  nowMs: number;
  run: Pick<RunSummary, 'id' | 'orgId' | 'agent' | 'version' | 'state' | 'tier' | 'memoryMb' | 'notBefore'>;
  standing: QueueStanding;
  /** Of the same organization, taken before it. */
  runsAhead: number;
  poolMb: number;
  workers: readonly WorkerSnapshot[];
  /** When the organization's latest runs started, newest first, epoch ms. */
  recentStartsMs: readonly number[];
  /** Null where its version declares no `concurrency`. */
  version: VersionStanding | null;
}

const WAITING = new Set(['scheduled', 'queued', 'retrying']);
/** Fewer starts than this say nothing about a rate. */
const ENOUGH_STARTS = 3;

/** Pure: the same facts give the same answer. */
export function explainWait(facts: WaitFacts): Why {
  const { id, state } = facts.run;
  if (!WAITING.has(state)) return { runId: id, state, causes: [], estimate: null };
  const causes = [...gates(facts), ...line(facts)];
  return { runId: id, state, causes, estimate: estimateOf(facts, causes) };
}

/** What keeps the run from starting even if it were the only one. */
function gates({ nowMs, run, standing, poolMb, workers, version }: WaitFacts): WaitCause[] {
  const { limits, counts, inFlightMb, rateWindowMs } = standing;
  const causes: WaitCause[] = [];
  const say = (cause: WaitCause['cause'], detail: string, untilMs?: number) => {
    causes.push({ cause, detail, ...(untilMs === undefined ? {} : { until: new Date(untilMs).toISOString() }) });
  };
  const notBeforeMs = run.notBefore === null ? 0 : Date.parse(run.notBefore);
  if (notBeforeMs > nowMs) say('not_before', run.state === 'retrying' ? 'its next attempt waits for its backoff' : 'it was posted with a delay', notBeforeMs);
  if (limits.paused) say('organization_paused', `organization ${run.orgId} is paused`);
  if (workers.length === 0) say('no_worker', 'no worker is alive');
  else if (!workers.some((worker) => canBuild(worker, run.tier))) say('no_worker_with_tier', `no worker can build the tier ${run.tier}`);
  if (limits.maxConcurrency !== null && counts.active >= limits.maxConcurrency) {
    say('at_concurrency', `${counts.active} runs of the organization are active, ${limits.maxConcurrency} may be`);
  }
  if (rateWindowMs > 0) say('rate_window', 'the organization has started as many runs as its window allows', nowMs + rateWindowMs);
  if (limits.maxMemoryInFlightMb !== null && inFlightMb !== null && inFlightMb > 0 && inFlightMb + run.memoryMb > limits.maxMemoryInFlightMb) {
    say('memory_in_flight', `${inFlightMb} MB of ${limits.maxMemoryInFlightMb} MB are in flight, it needs ${run.memoryMb} MB`);
  }
  const busyMb = workers.map((worker) => busyMbOf(worker, run.orgId));
  if (workers.length > 0 && busyMb.every((mb) => mb + run.memoryMb > poolMb)) {
    say('memory_pool_full', `on every worker the organization's running runs leave less than ${run.memoryMb} MB of its pool of ${poolMb} MB`);
  }
  if (isVersionFull(version)) say('at_version_concurrency', `${version.taken} runs of version ${run.version} of ${run.agent} are executed, ${version.most} may be`);
  return causes;
}

function isVersionFull(version: VersionStanding | null): version is VersionStanding {
  return version !== null && version.taken >= version.most;
}

/** Who comes before it. */
function line({ standing, runsAhead, workers }: WaitFacts): WaitCause[] {
  const causes: WaitCause[] = [];
  if (runsAhead > 0) causes.push({ cause: 'runs_ahead', detail: `${runsAhead} runs of the organization are taken before it` });
  const freeSlots = workers.reduce((sum, worker) => sum + Math.max(0, worker.slots - worker.running), 0);
  if (workers.length > 0 && freeSlots === 0) {
    if (standing.organizationsAhead > 0) {
      causes.push({ cause: 'organizations_ahead', detail: `${standing.organizationsAhead} organizations have used less and are served before it` });
    }
    causes.push({ cause: 'no_free_slot', detail: `all ${workers.reduce((sum, worker) => sum + worker.slots, 0)} slots are in use` });
  }
  return causes;
}

/** By what the worker found out at its start; one that reports nothing builds what every machine can. */
function canBuild(worker: WorkerSnapshot, tier: Tier): boolean {
  return worker.isolation?.tiers.some((one) => one.tier === tier && one.isBuilt) ?? tier === 'basic';
}

function busyMbOf(worker: WorkerSnapshot, orgId: string): number {
  const runtime = worker.organizations.find((one) => one.orgId === orgId);
  return (runtime?.containers ?? []).filter((container) => container.state === 'busy').reduce((sum, container) => sum + container.limitMb, 0);
}

/**
 * The latest starts of the organization, or of the version where that is what it waits for, give a rate; the runs ahead and the run itself take `n / rate`. Starts are taken as a
 * Poisson process, so that the time of n of them has a relative error of 1 / sqrt(n); low and high are two of these away.
 */
function estimateOf({ nowMs, runsAhead: ahead, recentStartsMs: starts, run, version }: WaitFacts, causes: readonly WaitCause[]): Why['estimate'] {
  if (causes.some(({ cause }) => cause === 'organization_paused' || cause === 'no_worker' || cause === 'no_worker_with_tier')) return null;
  const gateMs = Math.max(0, ...causes.map(({ until }) => (until === undefined ? 0 : Date.parse(until) - nowMs)));
  if (causes.every(({ until }) => until !== undefined)) return { startsInMs: gateMs, lowMs: gateMs, highMs: gateMs, basis: 'nothing but the time is in its way' };
  const line = isVersionFull(version) ? { ...version, of: `version ${run.version} of ${run.agent}` } : { runsAhead: ahead, recentStartsMs: starts, of: run.orgId };
  const oldestMs = line.recentStartsMs.at(-1);
  const known = line.recentStartsMs.length;
  if (known < ENOUGH_STARTS || oldestMs === undefined) return null;
  const everyMs = Math.max(0.01, (nowMs - oldestMs) / known);
  const needed = line.runsAhead + 1;
  const waitMs = needed * everyMs;
  const spread = 2 / Math.sqrt(Math.min(needed, known));
  return {
    startsInMs: Math.round(Math.max(gateMs, waitMs)),
    lowMs: Math.round(Math.max(gateMs, waitMs * Math.max(0, 1 - spread))),
    highMs: Math.round(Math.max(gateMs, waitMs * (1 + spread))),
    basis: `the last ${known} starts of ${line.of}, one every ${Math.round(everyMs)} ms`,
  };
}
