import { isTerminal, type RunState } from '@bullpen/core';
import type { BullpenClient, RunOf } from '@bullpen/sdk';

import { nextCommand, type CommandAction, type Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { readInput, type InputOptions } from '../run-input.ts';
import { endText, showItem } from '../run-text.ts';
import { prettyJson } from '../text-format.ts';

export interface RunOptions extends InputOptions {
  wait?: boolean;
  detach?: boolean;
  agentVersion?: number;
  timeout?: number;
  memory?: number;
  attempts?: number;
}

/** `bullpen run <agent>`: creates a run and, unless told otherwise, shows what it says until it is over. */
export const runCommand: CommandAction<RunOptions> = async (invocation, agent) => {
  const { deps, options } = invocation;
  const client = invocation.client();
  const input = await readInput(options, deps.cwd, deps.readStdin);
  const request = {
    agent: agent!,
    input,
    ...(options.agentVersion === undefined ? {} : { version: options.agentVersion }),
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.memory === undefined ? {} : { memoryMb: options.memory }),
    ...(options.attempts === undefined ? {} : { maxAttempts: options.attempts }),
  };
  const call = { signal: deps.interrupted, ...(options.wait === true ? { wait: '60s' } : {}) };
  const run = await client.runs.create(request, call);
  if (options.detach === true) return detach(invocation, run);
  try {
    return end(invocation, await (options.wait === true ? wait(client, run, deps.interrupted) : watch(invocation, client, run)));
  } catch (error) {
    if (!deps.interrupted.aborted) throw error;
    invocation.output.live(null);
    invocation.output.note(`no longer watching; the run goes on: \`${nextCommand(options, `logs ${run.id} -f`)}\` or \`${nextCommand(options, `cancel ${run.id}`)}\``);
    return EXIT.interrupted;
  }
};

function detach({ output, options }: Invocation<RunOptions>, run: RunOf<unknown>): number {
  if (options.json === true) output.json(run);
  else {
    output.result(run.id);
    output.note(`${run.agent} v${run.version} is ${run.state} in ${run.orgId}; follow it with \`${nextCommand(options, `logs ${run.id} -f`)}\``);
  }
  return EXIT.ok;
}

async function wait(client: BullpenClient, run: RunOf<unknown>, signal: AbortSignal): Promise<RunOf<unknown>> {
  return isTerminal(run.state) ? run : client.runs.wait(run.id, { signal });
}

async function watch({ deps, output, options }: Invocation<RunOptions>, client: BullpenClient, run: RunOf<unknown>): Promise<RunOf<unknown>> {
  // One value is asked for: the run when it is over.
  if (options.json === true && options.jsonLines !== true) return wait(client, run, deps.interrupted);
  if (options.json !== true) output.note(`${output.paint.bold(`${run.agent} v${run.version}`)} in ${run.orgId}  ${output.paint.dim(run.id)}`);
  for await (const item of client.runs.events(run.id, { signal: deps.interrupted })) {
    // The full run, its result included, is read and said after the stream.
    if (item.kind === 'end') continue;
    if (options.json === true) output.json(item);
    else showItem(item, output, output.note);
  }
  output.live(null);
  return client.runs.get(run.id, { signal: deps.interrupted });
}

function end({ output, options }: Invocation<RunOptions>, run: RunOf<unknown>): number {
  if (options.json === true) output.json(options.jsonLines === true && options.wait !== true ? { kind: 'end', run } : run);
  else {
    for (const line of endText(run, output.paint)) output.note(line);
    if (run.state === 'succeeded') output.result(prettyJson(run.result));
  }
  return exitCodeOfState(run.state);
}

const exitCodeOfState = (state: RunState): number => (state === 'succeeded' ? EXIT.ok : EXIT.runFailed);
