import { BullpenError, type CreateScheduleRequest, type Schedule, type ScheduleSummary } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { readInput } from '../run-input.ts';
import { renderTable, type Column } from '../table.ts';
import { durationText } from '../text-format.ts';

export interface CreateScheduleOptions {
  cron?: string;
  timeZone?: string;
  every?: number;
  input?: string;
  inputFile?: string;
}

/** `bullpen schedules`: a table. */
export const schedulesCommand: CommandAction<{ limit: number }> = async ({ output, options, deps, client }) => {
  const page = await client().schedules.list({ limit: options.limit, signal: deps.interrupted });
  if (options.json === true) output.json(page);
  else if (page.items.length === 0) output.note('no schedules yet: make one with `npx bullpen schedules create <name> <agent> --cron "0 9 * * *"`');
  else for (const line of renderTable(columns, page.items, output.paint.dim, output.columns)) output.result(line);
  return EXIT.ok;
};

/** `bullpen schedules create <name> <agent>` */
export const createScheduleCommand: CommandAction<CreateScheduleOptions> = async (invocation, name, agent) => {
  const { options, deps } = invocation;
  const { cron, timeZone, every } = options;
  if ((cron === undefined) === (every === undefined)) throw new BullpenError('INVALID_REQUEST', 'give either --cron or --every');
  const input = await readInput(options, deps.cwd, deps.readStdin);
  const request = {
    name: name!,
    run: { agent: agent!, input },
    ...(cron === undefined ? { intervalMs: every } : { cron }),
    ...(timeZone === undefined ? {} : { timeZone }),
  } as CreateScheduleRequest;
  return say(invocation, await invocation.client().schedules.create(request, { signal: deps.interrupted }));
};

/** `bullpen schedules pause <name>` */
export const pauseScheduleCommand: CommandAction = async (invocation, name) =>
  say(invocation, await invocation.client().schedules.pause(name!, { signal: invocation.deps.interrupted }));

/** `bullpen schedules resume <name>` */
export const resumeScheduleCommand: CommandAction = async (invocation, name) =>
  say(invocation, await invocation.client().schedules.resume(name!, { signal: invocation.deps.interrupted }));

/** `bullpen schedules delete <name>` */
export const deleteScheduleCommand: CommandAction = async ({ output, options, deps, client }, name) => {
  await client().schedules.delete(name!, { signal: deps.interrupted });
  if (options.json === true) output.json({ deleted: name });
  else output.result(`${name} is deleted`);
  return EXIT.ok;
};

/** `bullpen schedules next <name>` */
export const nextScheduleCommand: CommandAction<{ count: number }> = async ({ output, options, deps, client }, name) => {
  const preview = await client().schedules.next(name!, { count: options.count, signal: deps.interrupted });
  if (options.json === true) output.json(preview);
  else for (const time of preview.times) output.result(time);
  return EXIT.ok;
};

function say({ output, options }: Invocation, schedule: Schedule): number {
  if (options.json === true) output.json(schedule);
  else output.result(`${schedule.name}: ${timingText(schedule)}, ${nextText(schedule)}`);
  return EXIT.ok;
}

const timingText = ({ cron, timeZone, intervalMs }: ScheduleSummary | Schedule): string =>
  (cron === null ? `every ${durationText(intervalMs ?? 0)}` : `${cron} ${timeZone ?? ''}`.trim());

const nextText = ({ paused, nextAt }: ScheduleSummary | Schedule): string => (paused ? 'paused' : `next ${nextAt ?? 'never'}`);

const columns: Column<ScheduleSummary>[] = [
  { heading: 'SCHEDULE', text: (schedule) => schedule.name },
  { heading: 'AGENT', text: (schedule) => schedule.run.agent, leaveOut: 1 },
  { heading: 'WHEN', text: timingText, cutTo: 14 },
  { heading: 'NEXT', text: nextText, leaveOut: 0 },
  { heading: 'ERROR', text: (schedule) => harmless(schedule.lastError?.code ?? ''), leaveOut: 2 },
];
