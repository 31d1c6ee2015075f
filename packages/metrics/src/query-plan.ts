import type { MetricSegment, RollupStep } from '@bullpen/db';

import { BUCKET_MS } from './run-aggregate.ts';

/** The usual steps, each with the longest window it is chosen for: about a hundred points; days as soon as they make a picture. */
const SENSIBLE_STEPS_MS = [
  [10_000, 1_200_000], [60_000, 7_200_000], [300_000, 36_000_000], [900_000, 100_000_000], [3_600_000, 5 * 86_400_000], [21_600_000, 14 * 86_400_000],
  [86_400_000, 125 * 86_400_000],
] as const;
const DAYS_OF_LONGER = 4;
const LEVELS = [86_400, 3600, 60, 10] as const;
/** What is not rolled up yet is read from finer levels, unless it is less than this share of a step. */
const NEGLIGIBLE_SHARE = 1 / 20;

/** What is read, and how far it is complete. Times are ms since the epoch. */
export interface QueryPlan {
  /** A multiple of `stepMs`. */
  fromMs: number;
  toMs: number;
  stepMs: number;
  /** For a series: no bucket lies in two steps. */
  segments: MetricSegment[];
  /** For sums of the whole: the same time in as few and as coarse parts as there are. */
  wholeSegments: MetricSegment[];
  completeUntilMs: number;
  /** The part of the whole that is the difference of two running totals of organizations; null where it is too short to be worth it. */
  totals: { fromMs: number; toMs: number; before: MetricSegment[]; after: MetricSegment[] } | null;
}

/** Running totals are kept for each hour so long, and for each midnight. */
const HOURLY_TOTALS_MS = 2 * 86_400_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Shorter ones are a few rows of each organization as well. */
const SHORTEST_OF_TOTALS_MS = 3 * HOUR_MS;

export interface PlanRequest {
  fromMs: number;
  toMs: number;
  stepMs?: number | undefined;
  nowMs: number;
  /** Until when each level is rolled up. */
  progress: Readonly<Record<RollupStep, number>>;
}

export function sensibleStepMs(windowMs: number): number {
  return SENSIBLE_STEPS_MS.find(([, longestMs]) => windowMs <= longestMs)?.[0] ?? DAYS_OF_LONGER * 86_400_000;
}

/**
 * Which part of a window is read from which level: each part from the coarsest one that is rolled up and whose buckets fit into
 * steps, what is left from finer ones, down to 10 s. The window is widened to whole steps.
 */
export function planQuery(request: PlanRequest): QueryPlan {
  const stepMs = request.stepMs ?? sensibleStepMs(request.toMs - request.fromMs);
  const fromMs = floorTo(request.fromMs, stepMs);
  const toMs = Math.max(fromMs + stepMs, Math.ceil(request.toMs / stepMs) * stepMs);
  const untilMs = Math.min(toMs, Math.ceil(request.nowMs / BUCKET_MS) * BUCKET_MS);
  const segments: MetricSegment[] = [];
  let cursorMs = fromMs;
  for (const levelS of LEVELS) {
    const levelMs = levelS * 1000;
    if (cursorMs >= untilMs || stepMs % levelMs !== 0) continue;
    if (untilMs - cursorMs <= stepMs * NEGLIGIBLE_SHARE) break;
    const rolledMs = levelS === 10 ? untilMs : Math.min(untilMs, request.progress[levelS]);
    const endMs = floorTo(rolledMs, levelMs);
    if (endMs <= cursorMs) continue;
    segments.push({ levelS, fromMs: cursorMs, toMs: endMs });
    cursorMs = endMs;
  }
  const wholeSegments = cover(fromMs, cursorMs, LEVELS, request.progress);
  const totals = totalsPart(fromMs, cursorMs, request);
  return { fromMs, toMs, stepMs, segments, wholeSegments, totals, completeUntilMs: Math.min(request.nowMs, Math.max(fromMs, cursorMs)) };
}

function totalsPart(fromMs: number, toMs: number, { nowMs, progress }: PlanRequest): QueryPlan['totals'] {
  const unitAt = (ms: number) => (ms >= nowMs - HOURLY_TOTALS_MS ? HOUR_MS : DAY_MS);
  const startMs = Math.ceil(fromMs / unitAt(fromMs)) * unitAt(fromMs);
  const rolledMs = Math.min(toMs, progress[3600]);
  const endMs = floorTo(rolledMs, unitAt(rolledMs));
  if (endMs - startMs < SHORTEST_OF_TOTALS_MS) return null;
  return { fromMs: startMs, toMs: endMs, before: cover(fromMs, startMs, LEVELS, progress), after: cover(endMs, toMs, LEVELS, progress) };
}

/** The coarsest level takes what whole buckets it has; what is before and after them is left to the finer ones. */
function cover(fromMs: number, toMs: number, levels: readonly (typeof LEVELS)[number][], progress: PlanRequest['progress']): MetricSegment[] {
  const [levelS, ...finer] = levels;
  if (levelS === undefined || toMs <= fromMs) return [];
  const levelMs = levelS * 1000;
  const startMs = Math.ceil(fromMs / levelMs) * levelMs;
  const endMs = floorTo(levelS === 10 ? toMs : Math.min(toMs, progress[levelS]), levelMs);
  if (endMs <= startMs) return cover(fromMs, toMs, finer, progress);
  return [...cover(fromMs, startMs, finer, progress), { levelS, fromMs: startMs, toMs: endMs }, ...cover(endMs, toMs, finer, progress)];
}

function floorTo(ms: number, unitMs: number): number {
  return Math.floor(ms / unitMs) * unitMs;
}
