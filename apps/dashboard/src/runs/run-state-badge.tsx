import type { RunState } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import { STATE_VIEWS } from './run-states.ts';

export function RunStateBadge({ state }: { state: RunState }): ReactNode {
  const { label, tone } = STATE_VIEWS[state];
  return <Badge tone={tone}>{label}</Badge>;
}
