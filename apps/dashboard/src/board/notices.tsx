import type { ReactNode } from 'react';

import { useNow } from '../clock/server-clock.tsx';
import { formatAge } from '../format/duration.ts';
import { formatClockTime } from '../format/moment.ts';
import { Badge } from './badge.tsx';
import type { OverallState } from './overall-state.ts';

/** How fresh one kind of data is. */
export interface Feed {
  /** When it last arrived, by this machine's clock; 0: never. */
  updatedAtMs: number;
  /** Why the last request failed, in words; null when it did not. */
  failure: string | null;
}

/** What the reader must know before believing a figure below: data that is old, and what is wrong. */
export function Notices({ overall, statusFeed, metricsFeed }: { overall: OverallState; statusFeed: Feed; metricsFeed: Feed }): ReactNode {
  const metricsOnly = statusFeed.failure === null && metricsFeed.failure !== null;
  return (
    <div className="notices">
      {statusFeed.failure !== null && <StaleNotice feed={statusFeed} what="Stale" data="The data below" />}
      {metricsOnly && <StaleNotice feed={metricsFeed} what="Last hour stale" data="What is said of the last hour" />}
      {overall.reasons.length > 0 && (
        <ul className="reasons" aria-label="What needs attention">
          {overall.reasons.map(({ tone, text }) => <li key={text} className={`tone-${tone}`}><Badge tone={tone}>{tone === 'bad' ? 'Problem' : 'Warning'}</Badge><span>{text}</span></li>)}
        </ul>
      )}
    </div>
  );
}

function StaleNotice({ feed, what, data }: { feed: Feed; what: string; data: string }): ReactNode {
  const since = feed.updatedAtMs === 0 ? 'the start' : formatClockTime(feed.updatedAtMs);
  return (
    <div className="stale">
      {/* The sentence is announced once; the age beside it ticks in silence. */}
      <p><span role="alert"><Badge tone="warn">{what} since {since}</Badge> {feed.failure}</span> <Age sinceMs={feed.updatedAtMs} data={data} /></p>
    </div>
  );
}

function Age({ sinceMs, data }: { sinceMs: number; data: string }): ReactNode {
  const { clientMs } = useNow();
  if (sinceMs === 0) return <>Trying again.</>;
  return <>{data} is <strong>{formatAge(clientMs - sinceMs)}</strong> old; trying again.</>;
}
