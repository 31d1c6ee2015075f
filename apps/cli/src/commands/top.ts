import type { HealthReport, RunSummary, RuntimeStatus } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless, type Output } from '../output.ts';
import { pause } from '../pause.ts';
import { stateText } from '../run-text.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText, durationText } from '../text-format.ts';

type Paint = Output['paint'];

export interface TopOptions {
  every: number;
  once?: boolean;
}

/** `bullpen top`: workers, organizations and newest runs, again every second until Ctrl-C; once where nobody watches. */
export const topCommand: CommandAction<TopOptions> = async (invocation) => {
  const { output, options, deps, adminClient } = invocation;
  const { admin } = adminClient();
  const isFollowed = options.once !== true && (options.jsonLines === true || (options.json !== true && output.canRepaint));
  try {
    for (;;) {
      const status = await admin.status({ signal: deps.interrupted });
      if (options.json === true) output.json(status);
      else if (!isFollowed) for (const line of topLines(status, deps.nowMs(), output.paint, output.columns)) output.result(line);
      // One line is kept free for the cursor.
      else output.live(topLines(status, deps.nowMs(), output.paint, output.columns).slice(0, output.rows - 1));
      if (!isFollowed) return EXIT.ok;
      await pause(options.every * 1000, deps.interrupted);
    }
  } catch (error) {
    if (!deps.interrupted.aborted) throw error;
    // What was seen last stays on the screen.
    if (options.json !== true) output.keep();
    return EXIT.ok;
  }
};

/** The screen, most important lines first: what does not fit is cut off at its end. */
export function topLines(status: RuntimeStatus, nowMs: number, paint: Paint, columns: number): string[] {
  const { workers, organizations, recentRuns, alerts, health, queueBackend } = status;
  const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  const facts: string[] = [
    `${sum(workers, ({ running }) => running)}/${sum(workers, ({ slots }) => slots)} slots`,
    `${sum(organizations, ({ queue }) => queue.waiting)} waiting`,
    `${sum(organizations, ({ queue }) => queue.delayed)} delayed`,
    `queue on ${queueBackend}`,
    ...(firing === 0 ? [] : [`${firing} alerts firing`]),
  ];
  const busy = organizations.toSorted((a, b) => loadOf(b) - loadOf(a) || a.id.localeCompare(b.id));
  return [
    // The widest is left out where it does not fit: a live line must not wrap.
    `health ${healthText(health, paint)}${fitting(facts, columns - 'health 100'.length)}`,
    ...(health.level === 'healthy' ? [] : [paint.dim(harmless(health.reason).slice(0, columns))]),
    '', ...renderTable(workerColumns(status, paint), workers, paint.dim, columns),
    '', ...renderTable(organizationColumns(paint), busy, paint.dim, columns),
    '', ...renderTable(runColumns(nowMs, paint), recentRuns, paint.dim, columns),
  ];
}

function fitting(facts: readonly string[], columns: number): string {
  const text = facts.map((fact) => `   ${fact}`).join('');
  return text.length <= columns || facts.length === 0 ? text : fitting(facts.slice(0, -1), columns);
}

const loadOf = ({ queue, reservedMb }: RuntimeStatus['organizations'][number]): number => queue.active * 1000 + queue.waiting + reservedMb / 1e6;

function healthText(report: HealthReport | undefined, paint: Paint, text: string = scoreOf(report)): string {
  const level = report?.level ?? 'healthy';
  return level === 'healthy' ? paint.green(text) : level === 'degraded' ? paint.yellow(text) : paint.red(text);
}

const scoreOf = (report: HealthReport | undefined): string => (report === undefined ? '-' : String(Math.round(report.score)));

function workerColumns({ workerHealth }: RuntimeStatus, paint: Paint): Column<RuntimeStatus['workers'][number]>[] {
  return [
    { heading: 'WORKER', text: ({ id }) => id },
    { heading: 'HOST', text: ({ host }) => harmless(host), leaveOut: 1, cutTo: 12 },
    { heading: 'STATE', text: ({ state }) => state, leaveOut: 2 },
    { heading: 'RUNS', text: ({ running, slots }) => `${running}/${slots}`, align: 'right' },
    { heading: 'MEMORY', text: ({ rssMb }) => `${Math.round(rssMb)} MB`, align: 'right', leaveOut: 3 },
    { heading: 'LOOP P99', text: ({ eventLoopDelayMs }) => durationText(eventLoopDelayMs), align: 'right', leaveOut: 4 },
    { heading: 'HEALTH', text: ({ id }) => scoreOf(workerHealth[id]), paint: (text, { id }) => healthText(workerHealth[id], paint, text), align: 'right' },
  ];
}

function organizationColumns(paint: Paint): Column<RuntimeStatus['organizations'][number]>[] {
  return [
    { heading: 'ORGANIZATION', text: ({ id }) => id, cutTo: 16 },
    { heading: 'RUNNING', text: ({ queue }) => String(queue.active), align: 'right' },
    { heading: 'WAITING', text: ({ queue }) => String(queue.waiting), align: 'right' },
    { heading: 'DELAYED', text: ({ queue }) => String(queue.delayed), align: 'right', leaveOut: 2 },
    { heading: 'CONTAINERS', text: ({ containers }) => String(containers), align: 'right', leaveOut: 3 },
    { heading: 'RESERVED', text: ({ reservedMb, poolMb }) => `${reservedMb}/${poolMb} MB`, align: 'right', leaveOut: 1 },
    { heading: 'HEALTH', text: ({ health }) => scoreOf(health), paint: (text, { health }) => healthText(health, paint, text), align: 'right' },
  ];
}

function runColumns(nowMs: number, paint: Paint): Column<RunSummary>[] {
  return [
    { heading: 'RUN', text: ({ id }) => id },
    { heading: 'STATE', text: ({ state }) => state, paint: (text, { state }) => stateText(state, paint, text) },
    { heading: 'ORGANIZATION', text: ({ orgId }) => orgId, leaveOut: 2, cutTo: 12 },
    { heading: 'AGENT', text: ({ agent, version }) => `${agent} v${version}`, leaveOut: 1, cutTo: 12 },
    { heading: 'TIER', text: ({ tier }) => tier, leaveOut: 5 },
    { heading: 'WALL', text: ({ usage }) => (usage === null ? '-' : durationText(usage.wallMs)), align: 'right', leaveOut: 3 },
    { heading: 'QUEUED', text: ({ queuedAt }) => agoText(queuedAt, nowMs), align: 'right', leaveOut: 4 },
  ];
}
