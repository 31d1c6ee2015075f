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

/** Secrets that the manifest of the version declares. */
export interface AgentSecrets {
  /**
   * The value, as it is now. From then on it is taken out of what the run logs, emits and throws.
   * @throws an error with the code SECRET_NOT_DECLARED, SECRET_NOT_FOUND or SECRETS_UNAVAILABLE
   */
  get(name: string): Promise<string>;
}

/** Only where the entry has this revision; 0: only where there is none. Else the error has the code KV_CONFLICT. */
export interface KvCondition {
  readonly ifRevision?: number;
}

/** Small JSON values that the runs of one agent share, in Postgres: at most 64 KiB each and 8 MiB in all. */
export interface AgentKv {
  /** The value, or undefined where there is no such entry. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  /** The same with the revision, for `ifRevision`. */
  getEntry<T = unknown>(key: string): Promise<KvEntry<T> | undefined>;
  /** @returns the new revision. @throws an error with the code KV_CONFLICT or KV_LIMIT */
  set(key: string, value: unknown, condition?: KvCondition): Promise<number>;
  /** @returns whether there was one. @throws an error with the code KV_CONFLICT */
  delete(key: string, condition?: KvCondition): Promise<boolean>;
  /** Entries in the order of their keys, at most 200 (default 100) and 512 KiB at once; `next` is the `after` of the next call. */
  list<T = unknown>(options?: { prefix?: string; after?: string; limit?: number }): Promise<{ entries: KvEntry<T>[]; next: string | null }>;
}

export interface KvEntry<T = unknown> {
  readonly key: string;
  readonly value: T;
  /** Another one after each change. */
  readonly revision: number;
}

/** The egress proxy, for an HTTP client of the agent's own: see docs/egress.md. */
export interface AgentEgress {
  /** A unix socket that speaks HTTP: requests in absolute form, and CONNECT. */
  readonly socketPath: string;
  /** For `Proxy-Authorization: Bearer TOKEN`; worth nothing once the run is over. */
  readonly token: string;
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
  readonly secrets: AgentSecrets;
  readonly kv: AgentKv;
  /**
   * The global `fetch`, through the egress proxy: only where the manifest's `egress` allows, with the headers that it adds.
   * A request body may have up to 1 MiB. Throws errors with the codes EGRESS_DENIED and EGRESS_FAILED; more requests or
   * bytes than the run's limits allow end it, with EGRESS_REQUESTS_EXCEEDED or EGRESS_BYTES_EXCEEDED.
   */
  readonly fetch: typeof globalThis.fetch;
  /** Undefined where the manifest allows no egress. */
  readonly egress: AgentEgress | undefined;
  readonly trace: AgentTrace;
  readonly run: AgentRun;
  /** From 1; grows with each retry of the same run. */
  readonly attempt: number;
  /** When this attempt is killed, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}
