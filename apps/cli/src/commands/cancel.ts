import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

/** `bullpen cancel <runId>`: at once for a run that waits, within its grace for one that is running. */
export const cancelCommand: CommandAction = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const run = await invocation.client().runs.cancel(runId!, { signal: deps.interrupted });
  if (options.json === true) output.json(run);
  else if (run.state === 'cancelled') output.result(`${run.id} is cancelled`);
  else output.result(`${run.id} is ${run.state}; its worker was told to stop it`);
  return EXIT.ok;
};
