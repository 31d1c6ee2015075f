import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

/** `bullpen replay <runId>`: a run that has ended once more, as a new run. */
export const replayCommand: CommandAction = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const run = await invocation.client().runs.replay(runId!, { signal: deps.interrupted });
  if (options.json === true) output.json(run);
  else output.result(run.id);
  return EXIT.ok;
};
