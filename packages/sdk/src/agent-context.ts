import type { LogLevel } from '@bullpen/core';

/** Facts that go with a log line: JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/** `ctx.log('said', { why })` is `ctx.log.info(...)`. Lines are kept with the run and streamed while it goes on. */
export type AgentLog = ((message: string, fields?: LogFields) => void) &
  Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;

/** The run that an agent is executing. */
export interface AgentRun {
  readonly id: string;
  readonly orgId: string;
  readonly agent: string;
  readonly version: number;
  /** What the caller attached to the run. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What an agent is given beside its input. */
export interface AgentContext {
  readonly log: AgentLog;
  /** Streams a named piece of JSON to whoever watches the run, for example a partial result; at most 64 KiB. */
  emit(name: string, data: unknown): void;
  /** How far the run is, from 0 to 1. */
  progress(fraction: number, message?: string): void;
  /**
   * Aborted when the run is cancelled or its worker stops. What is left then is a short grace to let go of things;
   * after it the thread is terminated.
   */
  readonly signal: AbortSignal;
  readonly run: AgentRun;
  /** From 1; grows with each retry of the same run. */
  readonly attempt: number;
  /** When this attempt is killed, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}
