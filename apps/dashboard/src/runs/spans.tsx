import type { ReactNode } from 'react';

import { useNow } from '../clock/server-clock.tsx';
import { Lasting } from '../clock/times.tsx';
import { NO_VALUE, formatDuration, formatRelative } from '../format/duration.ts';
import { formatFull } from '../format/moment.ts';
import type { Span } from './run-timing.ts';

/** A span of a run: measured, still growing, or yet to begin. */
export function SpanText({ span }: { span: Span }): ReactNode {
  if (span.kind === 'none') return NO_VALUE;
  return span.kind === 'ended' ? formatDuration(span.ms) : <Growing sinceMs={span.sinceMs} />;
}

function Growing({ sinceMs }: { sinceMs: number }): ReactNode {
  const { serverMs } = useNow();
  if (sinceMs > serverMs) return <span className="growing" title={`from ${formatFull(sinceMs)}`}>due {formatRelative(sinceMs, serverMs)}</span>;
  return <span className="growing"><Lasting sinceMs={sinceMs} /><span aria-label="and counting">…</span></span>;
}
