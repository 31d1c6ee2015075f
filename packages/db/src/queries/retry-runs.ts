import { timeText } from '../array-literal.ts';
import type { RetryWrite } from '../run-writes.ts';
import { leasedMove } from './leased-move.ts';

/** running -> retrying, unless a cancel was requested. */
export const retryRuns = leasedMove<RetryWrite>([
  ['error', 'text', (write) => JSON.stringify(write.error)],
  ['usage', 'text', (write) => write.usage && JSON.stringify(write.usage)],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
  ['started_at', 'timestamptz', (write) => timeText(write.startedAtMs)],
  ['not_before', 'timestamptz', (write) => timeText(write.notBeforeMs)],
], `
  state = 'retrying',
  error = given.error::jsonb,
  usage = given.usage::jsonb,
  kill = coalesce(given.kill::jsonb, r.kill),
  started_at = given.started_at,
  not_before = given.not_before`, 'r.cancel_requested_at IS NOT NULL');
