import type { Why } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { durationText } from '../text-format.ts';

/** `bullpen why <runId>`: what a run waits for, first things first, and when it may start. */
export const whyCommand: CommandAction = async (invocation, runId) => {
  const { output, options, deps } = invocation;
  const why = await invocation.client().runs.why(runId!, { signal: deps.interrupted });
  if (options.json === true) output.json(why);
  else for (const line of linesOf(why)) output.result(line);
  return EXIT.ok;
};

function linesOf({ runId, state, causes, estimate }: Why): string[] {
  if (causes.length === 0) return [`${runId} is ${state} and waits for nothing`];
  const until = (at: string | undefined): string => (at === undefined ? '' : ` (until ${at})`);
  const listed = causes.map(({ cause, detail, until: at }, i) => `${i + 1}. ${cause}: ${harmless(detail)}${until(at)}`);
  if (estimate === null) return [`${runId} is ${state}`, ...listed, 'when it starts cannot be told'];
  const { startsInMs, lowMs, highMs, basis } = estimate;
  return [`${runId} is ${state}`, ...listed, `starts in about ${durationText(startsInMs)} (${durationText(lowMs)} to ${durationText(highMs)}; ${harmless(basis)})`];
}
