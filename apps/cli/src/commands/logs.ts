import { isTerminal } from '@bullpen/core';
import type { RunStreamItem } from '@bullpen/sdk';

import { nextCommand, type CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { endText, showItem } from '../run-text.ts';

export interface LogsOptions {
  follow?: boolean;
}

/** `bullpen logs <runId>`: what the run said so far; with `-f` until it is over. */
export const logsCommand: CommandAction<LogsOptions> = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const { runs } = invocation.client();
  // First of all: an unknown run is refused at once, and an API that is away is noticed before the stream retries.
  await runs.get(runId!, { signal: deps.interrupted });
  const kept: RunStreamItem[] = [];
  try {
    for await (const item of runs.events(runId!, { follow: options.follow === true, signal: deps.interrupted })) {
      if (options.jsonLines === true) output.json(item);
      else if (options.json === true) kept.push(item);
      // Without -f the last line says how the run stands; a change of state among what is kept has no place of its own.
      else if (options.follow === true || item.kind === 'event') showItem(item, output, output.result);
    }
  } catch (error) {
    if (!deps.interrupted.aborted) throw error;
    output.live(null);
    return EXIT.interrupted;
  }
  output.live(null);
  if (options.json !== true) await sayHowItStands();
  else if (options.jsonLines !== true) output.json({ runId, items: kept });
  return EXIT.ok;

  async function sayHowItStands(): Promise<void> {
    const run = await runs.get(runId!, { signal: deps.interrupted });
    if (isTerminal(run.state)) for (const line of endText(run, output.paint)) output.note(line);
    else output.note(output.paint.dim(`the run is ${run.state}; follow it with \`${nextCommand(options, `logs ${run.id} -f`)}\``));
  }
};
