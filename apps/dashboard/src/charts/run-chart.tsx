import { useId, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';

import { formatHourMinute } from '../format/moment.ts';
import { formatCount, plural } from '../format/quantity.ts';
import { RunChartBars } from './run-chart-bars.tsx';
import { RunChartTable } from './run-chart-table.tsx';
import type { RunBucket } from './run-buckets.ts';
import { useWidth } from './use-width.ts';

const HEIGHT = 176;
const MARGIN = { top: 8, right: 8, bottom: 22, left: 40 };

/** `11:05–11:06: 34 succeeded, 2 failed`. */
export function describeBucket({ fromMs, toMs, succeeded, failed }: RunBucket): string {
  return `${formatHourMinute(fromMs)}–${formatHourMinute(toMs)}: ${formatCount(succeeded)} succeeded, ${formatCount(failed)} failed`;
}

/**
 * Finished runs over time, stacked. The values can be read by pointing, by focusing the chart and using the arrow
 * keys (a slider to assistive technology), and as a table.
 */
export function RunChart({ buckets }: { buckets: readonly RunBucket[] }): ReactNode {
  const [chosen, setChosen] = useState<number | null>(null);
  const { ref, widthPx } = useWidth<HTMLDivElement>(640);
  const hintId = useId();
  const last = buckets.length - 1;
  const active = chosen === null ? undefined : buckets[Math.min(chosen, last)];
  const indexAt = (event: PointerEvent<HTMLDivElement>): number => {
    const px = event.clientX - event.currentTarget.getBoundingClientRect().left - MARGIN.left;
    const inside = widthPx - MARGIN.left - MARGIN.right;
    return Math.min(last, Math.max(0, Math.floor((px / inside) * buckets.length)));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = nextIndex(event.key, chosen, last);
    if (next === undefined) return;
    event.preventDefault();
    setChosen(next);
  };
  return (
    <figure className="run-chart">
      <figcaption>
        <span className="legend"><i className="swatch swatch-succeeded" />succeeded<i className="swatch swatch-failed" />failed</span>
        <span className="readout" id={hintId}>{active === undefined ? totalOf(buckets) : describeBucket(active)}</span>
      </figcaption>
      <div
        ref={ref} className="run-chart-area" tabIndex={0} role="slider" aria-label="Finished runs over time" aria-describedby={hintId}
        aria-valuemin={0} aria-valuemax={Math.max(0, last)} aria-valuenow={chosen ?? Math.max(0, last)}
        aria-valuetext={active === undefined ? totalOf(buckets) : describeBucket(active)}
        onKeyDown={onKeyDown} onPointerDown={(event) => setChosen(indexAt(event))} onPointerMove={(event) => setChosen(indexAt(event))} onPointerLeave={() => setChosen(null)}
        onBlur={() => setChosen(null)}
      >
        <RunChartBars buckets={buckets} active={chosen} widthPx={widthPx} heightPx={HEIGHT} margin={MARGIN} />
      </div>
      <RunChartTable buckets={buckets} />
    </figure>
  );
}

function totalOf(buckets: readonly RunBucket[]): string {
  const succeeded = buckets.reduce((sum, bucket) => sum + bucket.succeeded, 0);
  const failed = buckets.reduce((sum, bucket) => sum + bucket.failed, 0);
  return `${plural(succeeded + failed, 'run')}: ${formatCount(succeeded)} succeeded, ${formatCount(failed)} failed`;
}

/** Where a key leads; undefined for a key that is not the chart's. */
function nextIndex(key: string, chosen: number | null, last: number): number | null | undefined {
  switch (key) {
    case 'ArrowLeft': case 'ArrowDown': return Math.max(0, (chosen ?? last + 1) - 1);
    case 'ArrowRight': case 'ArrowUp': return Math.min(last, (chosen ?? last - 1) + 1);
    case 'Home': return 0;
    case 'End': return last;
    case 'Escape': return chosen === null ? undefined : null;
    default: return undefined;
  }
}
