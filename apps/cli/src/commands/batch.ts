import { BullpenError, type CreateRunBatchRequest, type RunState } from '@bullpen/core';

import { nextCommand, type CommandAction, type Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { showProgress } from '../progress.ts';
import { readInput } from '../run-input.ts';
import { stateText } from '../run-text.ts';
import { awaitAll } from '../waiting-runs.ts';

export interface BatchOptions {
  idempotencyKey?: string;
  wait?: boolean;
}

/** `bullpen batch [file]`: up to 1,000 runs from a JSON list of requests, all or none; prints their ids. */
export const batchCommand: CommandAction<BatchOptions> = async (invocation, file = '-') => {
  const { output, options, deps } = invocation;
  const runs = await readInput({ inputFile: file }, deps.cwd, deps.readStdin);
  if (!Array.isArray(runs)) throw new BullpenError('INVALID_REQUEST', 'a batch is a JSON list of requests: [{ "agent": "greeter", "input": 1 }, ...]');
  showProgress(output, 0, `posting ${runs.length} runs`);
  const batch = await invocation.client().runs.createBatch(runs as CreateRunBatchRequest['runs'], { idempotencyKey: options.idempotencyKey, signal: deps.interrupted });
  output.live(null);
  const states = options.wait === true ? await waitFor(invocation, batch.runs.map(({ run }) => run.id)) : null;
  if (options.json === true) output.json({ ...batch, ...(states === null ? {} : { ended: Object.fromEntries(states) }) });
  else {
    for (const { run } of batch.runs) output.result(states === null ? run.id : `${run.id}  ${stateText(states.get(run.id)!, output.paint)}`);
    output.note(`${batch.created} of ${batch.runs.length} are new${states === null ? '' : `, ${succeeded(states)} succeeded`}`);
  }
  return states === null || succeeded(states) === states.size ? EXIT.ok : EXIT.runFailed;
};

const succeeded = (states: ReadonlyMap<string, RunState>): number => [...states.values()].filter((state) => state === 'succeeded').length;

async function waitFor(invocation: Invocation<BatchOptions>, ids: readonly string[]): Promise<Map<string, RunState>> {
  const { output, deps, options } = invocation;
  try {
    return await awaitAll(invocation.client(), ids, deps.interrupted, (ended) => showProgress(output, ended / ids.length, `${ended} of ${ids.length} runs have ended`));
  } catch (error) {
    if (deps.interrupted.aborted) output.note(`no longer waiting; the runs go on: \`${nextCommand(options, 'runs')}\``);
    throw error;
  } finally {
    output.live(null);
  }
}
