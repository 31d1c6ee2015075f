import { useId, type ReactNode } from 'react';

import { formatHourMinute } from '../format/moment.ts';
import { formatCount } from '../format/quantity.ts';
import type { RunBucket } from './run-buckets.ts';
import { countTicks, linearScale, timeTicks } from './scale.ts';

interface RunChartBarsProps {
  buckets: readonly RunBucket[];
  /** Index of the bucket that is being read. */
  active: number | null;
  widthPx: number;
  heightPx: number;
  margin: { top: number; right: number; bottom: number; left: number };
}

type Scale = (value: number) => number;

export function RunChartBars({ buckets, active, widthPx, heightPx, margin }: RunChartBarsProps): ReactNode {
  const hatchId = useId();
  const ticks = countTicks(Math.max(0, ...buckets.map(({ succeeded, failed }) => succeeded + failed)));
  const fromMs = buckets[0]?.fromMs ?? 0;
  const toMs = buckets.at(-1)?.toMs ?? 1;
  const x = linearScale([fromMs, toMs], [margin.left, widthPx - margin.right]);
  const y = linearScale([0, ticks.at(-1) ?? 1], [heightPx - margin.bottom, margin.top]);
  const marked = active === null ? undefined : buckets[active];
  return (
    <svg width={widthPx} height={heightPx} aria-hidden="true">
      <defs>
        {/* Failures are hatched, so that they are told apart without colour. */}
        <pattern id={hatchId} width={5} height={5} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect className="bar-failed" width={5} height={5} />
          <rect className="bar-failed-line" width={1.6} height={5} />
        </pattern>
      </defs>
      <CountAxis ticks={ticks} y={y} left={margin.left} right={widthPx - margin.right} />
      <TimeAxis ticks={timeTicks(fromMs, toMs, Math.max(1, widthPx / 72), -new Date(fromMs).getTimezoneOffset() * 60_000)} x={x} widthPx={widthPx} y={heightPx - 6} />
      {marked !== undefined && <rect className="bar-marked" x={x(marked.fromMs)} y={margin.top} width={x(marked.toMs) - x(marked.fromMs)} height={y(0) - margin.top} />}
      {buckets.map((bucket) => <Bar key={bucket.fromMs} bucket={bucket} x={x} y={y} failedFill={`url(#${hatchId})`} />)}
    </svg>
  );
}

function Bar({ bucket, x, y, failedFill }: { bucket: RunBucket; x: Scale; y: Scale; failedFill: string }): ReactNode {
  const { succeeded, failed } = bucket;
  if (succeeded + failed === 0) return null;
  const gap = Math.min(2, (x(bucket.toMs) - x(bucket.fromMs)) / 4);
  const place = { x: x(bucket.fromMs) + gap / 2, width: Math.max(1, x(bucket.toMs) - x(bucket.fromMs) - gap) };
  // One failure among hundreds of runs must not vanish: at least 3 px.
  const failedHeight = failed === 0 ? 0 : Math.max(3, y(0) - y(failed));
  const top = Math.min(y(succeeded + failed), y(0) - failedHeight);
  return (
    <>
      {succeeded > 0 && <rect className="bar-succeeded" {...place} y={top + failedHeight} height={Math.max(0, y(0) - top - failedHeight)} />}
      {failed > 0 && <rect fill={failedFill} {...place} y={top} height={failedHeight} />}
    </>
  );
}

function CountAxis({ ticks, y, left, right }: { ticks: readonly number[]; y: Scale; left: number; right: number }): ReactNode {
  return ticks.map((tick) => (
    <g key={tick}>
      <line className={tick === 0 ? 'axis-floor' : 'axis-line'} x1={left} x2={right} y1={Math.round(y(tick)) + 0.5} y2={Math.round(y(tick)) + 0.5} />
      <text className="axis-text" x={left - 6} y={y(tick) + 4} textAnchor="end">{formatCount(tick)}</text>
    </g>
  ));
}

function TimeAxis({ ticks, x, widthPx, y }: { ticks: readonly number[]; x: Scale; widthPx: number; y: number }): ReactNode {
  return ticks.filter((tick) => x(tick) < widthPx - 14).map((tick) => (
    <text key={tick} className="axis-text" x={x(tick)} y={y} textAnchor="middle">{formatHourMinute(tick)}</text>
  ));
}
