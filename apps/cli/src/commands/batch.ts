import { BullpenError, type CreateRunBatchRequest } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput } from '../run-input.ts';

export interface BatchOptions {
  idempotencyKey?: string;
}

/** `bullpen batch [file]`: up to 1,000 runs from a JSON list of requests, all or none; prints their ids. */
export const batchCommand: CommandAction<BatchOptions> = async (invocation, file = '-') => {
  const { output, options, deps } = invocation;
  const runs = await readInput({ inputFile: file }, deps.cwd, deps.readStdin);
  if (!Array.isArray(runs)) throw new BullpenError('INVALID_REQUEST', 'a batch is a JSON list of requests: [{ "agent": "greeter", "input": 1 }, ...]');
  const batch = await invocation.client().runs.createBatch(runs as CreateRunBatchRequest['runs'], { idempotencyKey: options.idempotencyKey, signal: deps.interrupted });
  if (options.json === true) {
    output.json(batch);
    return EXIT.ok;
  }
  for (const { run } of batch.runs) output.result(run.id);
  output.note(`${batch.created} of ${batch.runs.length} are new`);
  return EXIT.ok;
};
