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

/** What a span is described by; see the GenAI names of OpenTelemetry for calls of models. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** The span around a function, while it runs. */
export interface AgentSpan {
  setAttribute(key: string, value: string | number | boolean): void;
}

/** Spans of the agent's own, in the trace of its run, and kept with the run's events. */
export interface AgentTrace {
  /** Calls `act` within a span: spans made inside of it are its children, and what it throws marks it as failed. */
  span<T>(name: string, act: (span: AgentSpan) => T | Promise<T>): Promise<T>;
  span<T>(name: string, attributes: SpanAttributes, act: (span: AgentSpan) => T | Promise<T>): Promise<T>;
  /** W3C trace context, to be sent along with requests; null where the run belongs to no trace. */
  readonly traceparent: string | null;
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
  readonly trace: AgentTrace;
  readonly run: AgentRun;
  /** From 1; grows with each retry of the same run. */
  readonly attempt: number;
  /** When this attempt is killed, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}
