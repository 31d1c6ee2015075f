import { timeText } from '../array-literal.ts';
import type { FinishWrite } from '../run-writes.ts';
import { leasedMove } from './leased-move.ts';

/** running -> terminal. */
export const finishRuns = leasedMove<FinishWrite>([
  ['state', 'text', (write) => write.state],
  ['result', 'text', (write) => write.resultJson],
  ['error', 'text', (write) => write.error && JSON.stringify(write.error)],
  ['usage', 'text', (write) => write.usage && JSON.stringify(write.usage)],
  ['kill', 'text', ({ kill }) => (kill ? JSON.stringify(kill) : null)],
  ['started_at', 'timestamptz', (write) => timeText(write.startedAtMs)],
  ['finished_at', 'timestamptz', (write) => timeText(write.finishedAtMs)],
], `
  state = given.state,
  result = given.result::jsonb,
  error = given.error::jsonb,
  usage = given.usage::jsonb,
  kill = coalesce(given.kill::jsonb, r.kill),
  started_at = given.started_at,
  finished_at = given.finished_at`);
