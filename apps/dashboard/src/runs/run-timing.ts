import type { RunSummary } from '@bullpen/core';

import { parseTime } from '../format/moment.ts';

/** A span that has ended, or one that still grows from `sinceMs` on. */
export type Span = { kind: 'ended'; ms: number } | { kind: 'growing'; sinceMs: number } | { kind: 'none' };

type Times = Pick<RunSummary, 'state' | 'queuedAt' | 'notBefore' | 'claimedAt' | 'startedAt' | 'finishedAt'>;

const NONE: Span = { kind: 'none' };

/**
 * How long the run waited for a worker before its last attempt: from queued, or from its not-before time where it had
 * to wait for that, to claimed.
 */
export function queueWait(run: Times): Span {
  const queuedMs = parseTime(run.queuedAt) ?? 0;
  const notBeforeMs = parseTime(run.notBefore) ?? 0;
  const claimedMs = parseTime(run.claimedAt);
  const waitsAgain = run.state === 'retrying' || run.state === 'scheduled' || run.state === 'queued';
  if (waitsAgain) return { kind: 'growing', sinceMs: Math.max(queuedMs, notBeforeMs) };
  if (claimedMs === null) return NONE;
  const sinceMs = notBeforeMs > queuedMs && notBeforeMs <= claimedMs ? notBeforeMs : queuedMs;
  return { kind: 'ended', ms: Math.max(0, claimedMs - sinceMs) };
}

/** How long the last attempt ran: from started (claimed, where the agent was never called) to finished. */
export function runDuration(run: Times): Span {
  const sinceMs = parseTime(run.startedAt) ?? parseTime(run.claimedAt);
  if (sinceMs === null) return NONE;
  const finishedMs = parseTime(run.finishedAt);
  if (finishedMs !== null) return { kind: 'ended', ms: Math.max(0, finishedMs - sinceMs) };
  return run.state === 'running' ? { kind: 'growing', sinceMs } : NONE;
}

export interface TimelineStep {
  name: 'queued' | 'claimed' | 'started' | 'finished';
  atMs: number | null;
  /** Since the step before it that has a time. */
  afterMs: number | null;
}

/** Queued, claimed, started, finished, each with the time since the step before. */
export function timeline(run: Times): TimelineStep[] {
  const steps: [TimelineStep['name'], string | null][] = [
    ['queued', run.queuedAt], ['claimed', run.claimedAt], ['started', run.startedAt], ['finished', run.finishedAt],
  ];
  let beforeMs: number | null = null;
  return steps.map(([name, at]) => {
    const atMs = parseTime(at);
    const afterMs = atMs === null || beforeMs === null ? null : Math.max(0, atMs - beforeMs);
    beforeMs = atMs ?? beforeMs;
    return { name, atMs, afterMs };
  });
}
