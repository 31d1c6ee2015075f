import type { ReactNode } from 'react';

import type { Tone } from '../runs/run-states.ts';

/** A sign of its own shape per tone, so that colour is never alone. */
const SIGNS: Readonly<Record<Tone, string>> = {
  good: 'M3 8.5l3.2 3.2L13 5',
  busy: 'M5 3.5l7.5 4.5L5 12.5z',
  waiting: 'M4 3h8M4 13h8M5 3c0 3 6 7 6 10M11 3c0 3-6 7-6 10',
  warn: 'M8 2.5L14 13.5H2zM8 7v3M8 11.6v.6',
  bad: 'M4 4l8 8M12 4l-8 8',
  idle: 'M3.5 8h9',
};

export function Badge({ tone, children, title }: { tone: Tone; children: ReactNode; title?: string }): ReactNode {
  return (
    <span className={`badge tone-${tone}`} title={title}>
      <svg viewBox="0 0 16 16" width="12" height="12" aria-hidden="true"><path d={SIGNS[tone]} /></svg>
      {children}
    </span>
  );
}
