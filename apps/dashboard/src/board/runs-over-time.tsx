import type { RuntimeMetrics } from '@bullpen/core';
import type { ReactNode } from 'react';

import { bucketAllRuns } from '../charts/run-buckets.ts';
import { RunChart } from '../charts/run-chart.tsx';
import { formatDuration } from '../format/duration.ts';
import { Section } from './section.tsx';

const MOST_BUCKETS = 61;

export function RunsOverTime({ metrics }: { metrics: RuntimeMetrics | undefined }): ReactNode {
  const buckets = metrics === undefined ? [] : bucketAllRuns(metrics, MOST_BUCKETS);
  const first = buckets[0];
  const note = first === undefined ? 'loading' : `finished runs per ${stepInWords(first.toMs - first.fromMs)}, last hour`;
  return <Section title="Runs over time" note={note}><RunChart buckets={buckets} /></Section>;
}

/** Buckets are whole minutes unless the server's steps are shorter. */
function stepInWords(stepMs: number): string {
  const minutes = stepMs / 60_000;
  if (minutes === 1) return 'minute';
  return Number.isInteger(minutes) ? `${minutes} minutes` : formatDuration(stepMs);
}
