import { RUN_STATES, type RunState, type RunSummary } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { stateText } from '../run-text.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText, durationText } from '../text-format.ts';

export interface RunsOptions {
  state?: RunState;
  agent?: string;
  limit: number;
}

export const STATE_CHOICES: readonly string[] = RUN_STATES;

/** `bullpen runs`: the newest runs of the organization as a table. */
export const runsCommand: CommandAction<RunsOptions> = async (invocation) => {
  const { output, options, deps } = invocation;
  const page = await invocation.client().runs.list({ state: options.state, agent: options.agent, limit: options.limit, signal: deps.interrupted });
  if (options.json === true) {
    output.json(page);
    return EXIT.ok;
  }
  if (page.items.length === 0) {
    output.note(nothingFound(options));
    return EXIT.ok;
  }
  for (const line of renderTable(columnsOf(invocation), page.items, output.paint.dim, output.columns)) output.result(line);
  if (page.nextCursor !== null) output.note(output.paint.dim(`the newest ${page.items.length}; there are more: --limit, --state and --agent choose`));
  return EXIT.ok;
};

function nothingFound(options: RunsOptions): string {
  const filtered = options.state !== undefined || options.agent !== undefined;
  return filtered ? 'no run matches' : 'no runs yet: start one with `npx bullpen run <agent>`';
}

function columnsOf({ output: { paint }, deps }: Invocation): Column<RunSummary>[] {
  return [
    { heading: 'RUN', text: (run) => run.id },
    { heading: 'AGENT', text: (run) => `${run.agent} v${run.version}`, cutTo: 12 },
    { heading: 'STATE', text: (run) => run.state, paint: (text, run) => stateText(run.state, paint, text) },
    { heading: 'TRIES', text: (run) => `${run.attempt}/${run.maxAttempts}`, align: 'right', leaveOut: 3 },
    { heading: 'QUEUED', text: (run) => agoText(run.queuedAt, deps.nowMs()), align: 'right', leaveOut: 2 },
    { heading: 'WALL', text: (run) => (run.usage === null ? '-' : durationText(run.usage.wallMs)), align: 'right', leaveOut: 1 },
    { heading: 'CPU', text: (run) => (run.usage === null ? '-' : durationText(run.usage.cpuMs)), align: 'right', leaveOut: 4 },
    { heading: 'ERROR', text: (run) => (run.state === 'succeeded' ? '' : harmless(run.error?.code ?? '')), paint: paint.red, leaveOut: 0 },
  ];
}
