import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { filterOf, showBulk, type BulkChoice } from './bulk.ts';

/** `bullpen cancel [runId]`: at once for a run that waits, within its grace for one that is running; or all that a filter chooses. */
export const cancelCommand: CommandAction<BulkChoice> = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const signal = deps.interrupted;
  const filter = filterOf(runId, options);
  const { runs } = invocation.client();
  if (filter !== null) return showBulk(invocation, await runs.cancelMany(filter, { dryRun: options.dryRun, limit: options.limit, signal }), 'cancelled');
  const run = await runs.cancel(runId!, { signal });
  if (options.json === true) output.json(run);
  else if (run.state === 'cancelled') output.result(`${run.id} is cancelled`);
  else output.result(`${run.id} is ${run.state}; its worker was told to stop it`);
  return EXIT.ok;
};
