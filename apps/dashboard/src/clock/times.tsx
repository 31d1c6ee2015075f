import type { ReactNode } from 'react';

import { NO_VALUE, formatElapsed, formatRelative } from '../format/duration.ts';
import { formatFull, parseTime } from '../format/moment.ts';
import { useNow } from './server-clock.tsx';

/** A time of the server, relative, with the absolute one in its title. */
export function Ago({ at }: { at: string | null }): ReactNode {
  const { serverMs } = useNow();
  const atMs = parseTime(at);
  if (atMs === null || at === null) return NO_VALUE;
  return <time dateTime={at} title={formatFull(atMs)}>{formatRelative(atMs, serverMs)}</time>;
}

/** How long something that began at `sinceMs` has lasted so far. */
export function Lasting({ sinceMs, title }: { sinceMs: number; title?: string }): ReactNode {
  const { serverMs } = useNow();
  return <span title={title ?? `since ${formatFull(sinceMs)}`}>{formatElapsed(serverMs - sinceMs)}</span>;
}
