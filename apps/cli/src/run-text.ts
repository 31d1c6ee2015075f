import { assertNever, isTerminal, type KillReceipt, type RunError, type RunState, type RunStateEvent, type RunUsage, type StoredRunEvent } from '@bullpen/core';
import type { RunStreamItem } from '@bullpen/sdk';

import { harmless, type Output } from './output.ts';
import { clockText, durationText, oneLine, progressBar } from './text-format.ts';

type Paint = Output['paint'];

/** Wide enough for a readable piece of JSON, short enough for a line. */
const DATA_COLUMNS = 100;

/** A state in its colour: green for success, yellow for what was asked for, red for what went wrong. */
export function stateText(state: RunState, paint: Paint, text: string = state): string {
  if (state === 'succeeded') return paint.green(text);
  if (state === 'cancelled' || state === 'expired') return paint.yellow(text);
  return isTerminal(state) ? paint.red(text) : paint.cyan(text);
}

/** One line for an event that an agent sent. */
export function eventText(stored: StoredRunEvent, paint: Paint): string {
  const at = paint.dim(clockText(stored.at));
  const { event } = stored;
  switch (event.type) {
    case 'log': {
      const level = { debug: paint.dim, info: paint.cyan, warn: paint.yellow, error: paint.red }[event.level](event.level.padEnd(8));
      const fields = event.fields === undefined ? '' : `  ${paint.dim(harmless(oneLine(event.fields, DATA_COLUMNS)))}`;
      return `${at}  ${level}  ${harmless(event.message)}${fields}`;
    }
    case 'emit':
      return `${at}  ${paint.magenta('emit    ')}  ${harmless(event.name)} ${paint.dim(harmless(oneLine(event.data, DATA_COLUMNS)))}`;
    case 'progress':
      return `${at}  ${paint.blue('progress')}  ${progressText(event.fraction, event.message)}`;
    case 'span':
      return `${at}  ${paint.dim('span    ')}  ${harmless(event.name)} ${paint.dim(`${Math.round(event.endMs - event.startMs)} ms`)}${event.status === 'error' ? paint.red(' failed') : ''}`;
    case 'dropped':
      return `${at}  ${paint.yellow('dropped ')}  ${event.count} events beyond the cap of the attempt were not kept`;
    default:
      return assertNever(event, 'event');
  }
}

export function progressText(fraction: number, message?: string): string {
  return `${progressBar(fraction, 20)} ${String(Math.round(fraction * 100)).padStart(3)} %${message === undefined ? '' : `  ${harmless(message)}`}`;
}

function changeText(change: RunStateEvent, paint: Paint): string {
  const attempt = change.attempt > 1 ? ` (attempt ${change.attempt})` : '';
  return `${paint.dim(clockText(change.at))}  ${stateText(change.state, paint, change.state.padEnd(8))}${attempt}`.trimEnd();
}

/** Shows an item as it comes: progress stays on the terminal's last line until something else is said. */
export function showItem(item: RunStreamItem, output: Output, line: (text: string) => void): void {
  const { paint } = output;
  if (item.kind === 'event' && item.event.type === 'progress' && output.canRepaint) {
    output.live(`              ${progressText(item.event.fraction, item.event.message)}`);
  } else if (item.kind === 'event') line(eventText(item, paint));
  // The last line of the command says how it ended, and more.
  else if (item.kind === 'state' && !isTerminal(item.state)) line(changeText(item, paint));
  else output.live(null);
}

/** How a run ended, in one line and, for a failure, the agent's stack. */
export function endText(run: EndedRun, paint: Paint): string[] {
  const mark = run.state === 'succeeded' ? '✔' : run.state === 'cancelled' ? '■' : '✖';
  const attempts = run.attempt > 1 ? ` on attempt ${run.attempt}` : '';
  const usage = run.usage === null ? '' : `  ${paint.dim(usageText(run.usage))}`;
  const lines = [`${stateText(run.state, paint, `${mark} ${run.state}`)}${attempts}${usage}`];
  if (run.error !== null && run.state !== 'succeeded') lines.push(`  ${paint.bold(run.error.code)}  ${harmless(run.error.message)}`);
  if (run.error?.stack !== undefined && run.state !== 'succeeded') lines.push(...stackLines(run.error.stack).map((one) => paint.dim(one)));
  if (run.kill) lines.push(`  ${paint.dim(killText(run.kill))}`);
  if (run.traceId != null) lines.push(`  ${paint.dim(`trace ${run.traceId}`)}`);
  return lines;
}

/** The receipt of a kill, in one line. */
export function killText(kill: KillReceipt): string {
  const tookMs = kill.deadAt === null ? null : Date.parse(kill.deadAt) - Date.parse(kill.requestedAt);
  const dead = tookMs === null ? 'still there when it was recorded' : `dead after ${durationText(tookMs)}, ${kill.reclaimedMb.toFixed(1)} MB reclaimed`;
  return `attempt ${kill.attempt} killed by ${kill.by} (${kill.signal}): ${harmless(kill.detail)}; ${dead}`;
}

export interface EndedRun {
  state: RunState;
  attempt: number;
  usage: RunUsage | null;
  error: RunError | null;
  kill?: KillReceipt | null;
  traceId?: string | null;
}

/** The frames of a stack, without the message that stands above them already. */
function stackLines(stack: string): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line)).slice(0, 6).map((line) => `    ${harmless(line.trim())}`);
}

export function usageText(usage: RunUsage): string {
  const peakMb = (usage.peakHeapMb + usage.peakExternalMb).toFixed(1);
  return `${durationText(usage.wallMs)} wall, ${durationText(usage.cpuMs)} CPU, ${peakMb} MB peak, ${gbSecondsText(usage.gbSeconds)} GB-s${egressText(usage)}`;
}

function egressText({ egressRequests = 0, egressBytesIn = 0, egressBytesOut = 0 }: RunUsage): string {
  return egressRequests === 0 ? '' : `, ${egressRequests} requests (${Math.ceil((egressBytesIn + egressBytesOut) / 1024)} KB)`;
}

const gbSecondsText = (gbSeconds: number): string => (gbSeconds < 0.001 ? '<0.001' : gbSeconds.toPrecision(2));
