import type { KillReceipt } from '@bullpen/core';

import type { EgressAccess } from './container.ts';
import type { Reading } from './usage-meter.ts';
import type { AttemptEnding } from './verdict.ts';

/**
 * What executes attempts inside of a container: a thread of this process, a thread in an organization's cell, a whole
 * cell. The container around it (engine-container.ts) is the same for all: it decides who ends an attempt, and what
 * its outcome is.
 */
export interface Engine {
  /** Settles when nothing of it is left; never rejects. After `kill` it settles whatever `open` did. */
  readonly gone: Promise<void>;
  readonly hasEnded: boolean;
  /** How a kill ends it. */
  readonly killSignal: KillReceipt['signal'];
  /** Events that were dropped inside in the newest attempt. */
  readonly droppedEvents: number;
  /** Resolves when it can take an attempt; called once. Rejects where it cannot start, and is then on its way out. */
  open(): Promise<void>;
  /** Hands an attempt over; resolves with how it ended by itself, and never rejects. Aborting `kill` ends the engine. */
  run(task: EngineTask, kill: AbortSignal): Promise<AttemptEnding>;
  /** Whether it answers `ping N` with the line `pong N`, from its event loop. */
  readonly answersPings: boolean;
  /**
   * Says a line to what runs inside; lost where nothing hears it any more. Resolves once it has left this process, and
   * never rejects: what is told faster than it is heard would fill our memory.
   */
  tell(line: string): Promise<void>;
  /** Delivers at once what was said inside and lies here already. */
  drain(): void;
  /** What it uses now. May stay unanswered: a thread inside a native call answers nothing. */
  read(): Promise<Reading>;
  /** Ends it, whatever it does; before and during `open` too. */
  kill(): void;
  /**
   * Ends it after an attempt that ended by itself: it does nothing from now on, and is gone when there is time for it. Left out
   * where an end costs nothing that a run would wait for.
   */
  retire?(): void;
}

/** One attempt, as what is inside gets it. */
export interface EngineTask {
  /** Counts the attempts of a container from 1; 0 is its start. */
  readonly attemptNo: number;
  readonly bundleUrl: string;
  readonly inputJson: string;
  /** Wall clock, ms since the epoch. */
  readonly deadline: number;
  readonly attempt: number;
  readonly run: { id: string; orgId: string; agent: string; version: number; metadata: Readonly<Record<string, string>>; traceparent?: string };
  /** Left out where the version may connect nowhere. The engine says where it is as seen from inside. */
  readonly egressProxy?: EgressAccess;
}

/** A line from inside: its tag, the attempt it belongs to, and the rest. */
export interface Said {
  readonly tag: string;
  readonly attemptNo: number;
  readonly rest: string;
}

/** Hears an engine. Its calls must not throw. */
export interface EngineListener {
  onSaid(said: Said): void;
  /** The agent of the newest attempt was called; told before anything that it says. @param atMs - wall clock, by what runs inside; left out: now */
  onStarted(atMs?: number): void;
  /** Something was said that no code of ours says: the attempt that runs is not to be trusted. */
  onViolation(error: unknown): void;
  /** Worth a line in the log. */
  onFault(error: unknown): void;
}

/** Reads `TAG ATTEMPT REST`; null where a line does not have this form and so was not said by our code. */
export function parseSaid(line: unknown): Said | null {
  if (typeof line !== 'string') return null;
  const first = line.indexOf(' ');
  const second = line.indexOf(' ', first + 1);
  const attemptNo = Number(second < 0 ? line.slice(first + 1) : line.slice(first + 1, second));
  if (first <= 0 || !Number.isSafeInteger(attemptNo)) return null;
  return { tag: line.slice(0, first), attemptNo, rest: second < 0 ? '' : line.slice(second + 1) };
}

/**
 * What an engine was to run in has ended while it opened, for no fault of its own: another one may be opened. Where
 * nothing can be started at all, `open` rejects with something else.
 */
export class EngineLostError extends Error {
  readonly code = 'ENGINE_LOST';
}

/** Whether a container failed to start for that. */
export function isEngineLost(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause as { code?: unknown } | undefined)?.code === 'ENGINE_LOST';
}
