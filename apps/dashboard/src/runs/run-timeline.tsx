import type { RunSummary } from '@bullpen/core';
import type { ReactNode } from 'react';

import { NO_VALUE, formatDuration } from '../format/duration.ts';
import { formatClockTime, formatFull } from '../format/moment.ts';
import { timeline, type TimelineStep } from './run-timing.ts';

/** Queued, claimed, started, finished: when, and how long after the step before. */
export function RunTimeline({ run }: { run: RunSummary }): ReactNode {
  const steps = timeline(run);
  return (
    <>
      <TimelineBar steps={steps} />
      <ol className="timeline">
        {steps.map(({ name, atMs, afterMs }) => (
          <li key={name} className={atMs === null ? 'not-yet' : undefined}>
            <span className="timeline-name">{name}</span>
            <span className="timeline-after">{afterMs === null ? NO_VALUE : `+${formatDuration(afterMs)}`}</span>
            {atMs === null ? <span className="muted">{name === 'queued' ? NO_VALUE : 'not reached'}</span> : <time dateTime={new Date(atMs).toISOString()} title={formatFull(atMs)}>{formatClockTime(atMs)}</time>}
          </li>
        ))}
      </ol>
    </>
  );
}

/** The same as proportions, once they are known; the list below holds the figures. */
function TimelineBar({ steps }: { steps: readonly TimelineStep[] }): ReactNode {
  const totalMs = steps.reduce((sum, { afterMs }) => sum + (afterMs ?? 0), 0);
  if (totalMs === 0 || steps.at(-1)?.atMs === null) return null;
  let left = 0;
  return (
    <svg className="timeline-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      {steps.map(({ name, afterMs }) => {
        const width = ((afterMs ?? 0) / totalMs) * 100;
        left += width;
        return <rect key={name} className={`until-${name}`} x={left - width} width={width} height={8} />;
      })}
    </svg>
  );
}
