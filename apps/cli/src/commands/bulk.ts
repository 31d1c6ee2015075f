import { BullpenError, type BulkResult, type RunFilter, type RunState } from '@bullpen/core';

import type { Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

/** What chooses runs where no id is given. */
export interface BulkChoice {
  state?: RunState;
  agent?: string;
  tag?: string;
  errorCode?: string;
  before?: string;
  limit?: number;
  dryRun?: boolean;
}

/** The filter that the options make; null where an id was given instead. @throws BullpenError INVALID_REQUEST for both or neither */
export function filterOf(runId: string | undefined, { state, agent, tag, errorCode, before }: BulkChoice): RunFilter | null {
  const filter: RunFilter = {
    ...(state === undefined ? {} : { states: [state] }), ...(agent === undefined ? {} : { agent }), ...(tag === undefined ? {} : { tags: [tag] }),
    ...(errorCode === undefined ? {} : { errorCode }), ...(before === undefined ? {} : { queuedBefore: before }),
  };
  const isChosen = Object.keys(filter).length > 0;
  if ((runId === undefined) !== isChosen) {
    throw new BullpenError('INVALID_REQUEST', isChosen ? 'give a run, or what chooses runs, not both' : 'name a run, or choose some: --state, --agent, --tag, --error-code, --before');
  }
  return runId === undefined ? filter : null;
}

/** How many, and whether there are more. */
export function showBulk({ output, options }: Invocation<BulkChoice>, result: BulkResult, done: string): number {
  const { matched, done: count, skipped, truncated } = result;
  if (options.json === true) output.json(result);
  else if (options.dryRun === true) output.result(`${matched} match${truncated ? ', and there are more' : ''}`);
  else output.result(`${count} ${done}${skipped === 0 ? '' : `, ${skipped} ended or were taken in between`}${truncated ? '; there are more: the same again goes on' : ''}`);
  return EXIT.ok;
}
