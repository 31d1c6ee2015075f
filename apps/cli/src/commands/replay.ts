import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { filterOf, showBulk, type BulkChoice } from './bulk.ts';

/** `bullpen replay [runId]`: a run that has ended once more, as a new run; or all that a filter chooses, each once. */
export const replayCommand: CommandAction<BulkChoice & { again?: boolean }> = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const signal = deps.interrupted;
  const filter = filterOf(runId, options);
  const { runs } = invocation.client();
  if (filter !== null) return showBulk(invocation, await runs.replayMany(filter, { dryRun: options.dryRun, limit: options.limit, again: options.again, signal }), 'replayed');
  const run = await runs.replay(runId!, { signal });
  if (options.json === true) output.json(run);
  else output.result(run.id);
  return EXIT.ok;
};
