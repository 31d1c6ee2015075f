import type { ReleaseWrite } from '../run-writes.ts';
import { leasedMove } from './leased-move.ts';

/** running -> queued; the attempt is given back. */
export const releaseRuns = leasedMove<ReleaseWrite>([
  ['reason', 'text', (write) => write.reason],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
], `
  state = 'queued',
  attempt = greatest(r.attempt - 1, 0),
  release_reason = given.reason,
  kill = coalesce(given.kill::jsonb, r.kill),
  worker_id = NULL,
  claimed_at = NULL,
  started_at = NULL`);
