import type { ReactNode } from 'react';

import { BoardLink } from '../location/board-link.tsx';
import { shortId } from './short-id.ts';

export function RunLink({ orgId, runId }: { orgId: string; runId: string }): ReactNode {
  return <BoardLink to={{ run: { orgId, runId } }} className="run-link" title={runId}>{shortId(runId)}</BoardLink>;
}
