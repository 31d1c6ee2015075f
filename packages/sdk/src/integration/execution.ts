import type { AttemptLimits, LogLevel, RunUsage, StoredRunEvent, TerminalRunState, Tier } from '@bullpen/core';

/** What an execution is given beside its agent. What is left out comes from the agent's manifest, then from the defaults. */
export interface ExecutionContext {
  /** Any JSON. */
  readonly input?: unknown;
  /** For whom; needed where one key acts for several organizations, and what a ramp goes by. */
  readonly orgId?: string;
  /** How strong the wall is: `basic` (a thread), `enhanced` (a process of the organization), `strict` (a process for this run alone). */
  readonly tier?: Tier;
  readonly timeoutMs?: number;
  readonly memoryMb?: number;
  readonly limits?: AttemptLimits;
  readonly maxAttempts?: number;
  /** 1 is taken first, 10 last. */
  readonly priority?: number;
  readonly fairnessKey?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: readonly string[];
  /** Executed once, however often it is asked for under this key. */
  readonly idempotencyKey?: string;
  /** Cancels the execution, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told what the agent says, as it says it. What it throws is ignored. */
  readonly onEvent?: (event: StoredRunEvent) => void;
}

/** A line of an agent's log. */
export interface ExecutionLogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: unknown;
  /** ISO 8601; null where an existing engine does not tell. */
  readonly at: string | null;
}

export interface ExecutionError {
  /** Of docs/errors.md, or the existing engine's own. */
  readonly code: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/**
 * Why who executed it did: `runtime` is the ordinary way; `ramp`: its organization is not there yet; `foreign`: only the
 * existing engine understands the agent; `fallback`: the runtime could not, and `fallback` says why.
 */
export type ExecutionReason = 'runtime' | 'ramp' | 'foreign' | 'fallback';

/** How an execution ended: the same shape whoever executed it. */
export interface ExecutionResult<Result = unknown> {
  readonly state: TerminalRunState;
  /** Null unless it succeeded. */
  readonly result: Result | null;
  /** Null where it succeeded. */
  readonly error: ExecutionError | null;
  readonly usage: RunUsage | null;
  readonly logs: readonly ExecutionLogLine[];
  /** All that the agent said, log lines included; empty where an existing engine executed it. */
  readonly events: readonly StoredRunEvent[];
  readonly executedBy: 'runtime' | 'existing';
  readonly reason: ExecutionReason;
  readonly fallback: ExecutionError | null;
  /** The run's; null where an existing engine executed it. */
  readonly runId: string | null;
  readonly version: number | null;
  readonly tier: Tier | null;
  readonly attempts: number;
  /** From the call to the answer. */
  readonly wallMs: number;
}

/** What an existing engine answers. What it throws is a failed execution with the code AGENT_THREW. */
export interface ExistingAnswer {
  readonly result?: unknown;
  readonly usage?: Partial<RunUsage>;
  readonly logs?: readonly { readonly level: LogLevel; readonly message: string; readonly fields?: unknown; readonly at?: string }[];
  /** Given where it failed. */
  readonly error?: { readonly code?: string; readonly message: string };
}

/** The engine that a product has already, as the integration needs it: wrap yours in this. */
export interface ExecutionEngine {
  executeAgent(agent: unknown, context: ExecutionContext): Promise<ExistingAnswer>;
}
