import { BullpenError, defined, type StoredRunEvent } from '@bullpen/core';

import type { LocalRun } from '../local/local-run.ts';
import { readAgent, type AgentSource, type ReadAgent } from './agent-source.ts';
import type { RuntimeBackend } from './backend.ts';
import type { ExecutionContext, ExecutionEngine, ExecutionError, ExecutionResult } from './execution.ts';
import { NOT_EXECUTED, type FallbackOptions } from './fallback.ts';
import { quietly } from './quietly.ts';
import { isRamped, type RampOptions } from './ramp.ts';
import { answerOfThrown, errorOf, resultOfExisting, resultOfRun, type ExistingReason } from './results.ts';
import { Shadows, type ShadowCounts, type ShadowOptions } from './shadow.ts';

export interface RuntimeIntegrationOptions {
  /** Where the runtime is: `httpBackend(...)`, or `createEmbeddedRuntime(...)` of `@bullpen/embedded`. */
  runtime: RuntimeBackend;
  /** The engine that the product had before. Without it there is no fallback, no shadow and no ramp. */
  existing?: ExecutionEngine;
  /** When the existing engine executes in the runtime's place; false: never. With an existing engine: NOT_EXECUTED where left out. */
  fallback?: FallbackOptions | false;
  /** Everything goes to the runtime where left out. */
  ramp?: RampOptions;
  /** None where left out. */
  shadow?: ShadowOptions;
  /** What a context that does not say so itself is given. */
  defaults?: Pick<ExecutionContext, 'orgId' | 'tier' | 'timeoutMs' | 'memoryMb' | 'limits' | 'maxAttempts'>;
}

/** How often who executed, and why, since the engine was made. */
export interface ExecutionCounts {
  readonly runtime: number;
  readonly existing: { readonly ramp: number; readonly foreign: number; readonly fallback: number };
  /** By code. */
  readonly fallbacks: Readonly<Record<string, number>>;
  readonly shadows: ShadowCounts;
}

/**
 * Executes agents for a product that did so before by an engine of its own: one call for deployed agents, for
 * definitions that come with it, and for whatever the old engine understands.
 *
 * - An agent that Bullpen does not understand goes to the existing engine (`foreign`).
 * - So does a call outside the `ramp`; with `shadow` the runtime executes it too, and the two are compared. The caller gets the
 *   existing engine's result and waits for nothing else.
 * - All others go to the runtime; where it fails with one of the `fallback` codes, the existing engine executes after all.
 *
 * `executeAgent` rejects with what kept an execution from happening at all (a BullpenError), or with the reason of its signal;
 * how an execution ended is in its result.
 */
export class RuntimeIntegratedExecutionEngine {
  readonly #options: RuntimeIntegrationOptions;
  readonly #shadows: Shadows;
  readonly #counts = { runtime: 0, ramp: 0, foreign: 0, fallback: 0 };
  readonly #fallbacks = new Map<string, number>();

  constructor(options: RuntimeIntegrationOptions) {
    if (options.existing === undefined && (options.ramp ?? options.shadow ?? options.fallback) !== undefined) {
      throw new BullpenError('CONFIG_INVALID', 'ramp, shadow and fallback need an existing engine');
    }
    this.#options = options;
    this.#shadows = new Shadows(options.shadow ?? {});
  }

  /** @throws BullpenError INVALID_REQUEST where nobody here understands the agent, and what the runtime refuses */
  async executeAgent<Result = unknown>(agent: AgentSource | object, context: ExecutionContext = {}): Promise<ExecutionResult<Result>> {
    const { existing, ramp, defaults } = this.#options;
    const asked = { ...defined(defaults ?? {}), ...context };
    const read = readAgent(agent);
    if (existing === undefined) {
      if (read === null) throw new BullpenError('INVALID_REQUEST', 'this is no agent that Bullpen can execute, and there is no existing engine');
      return this.#inRuntime(read, asked);
    }
    if (read === null) return this.#inExisting(existing, agent, asked, { reason: 'foreign', fallback: null });
    const key = ramp?.keyOf?.(asked) ?? asked.orgId ?? read.agent;
    if (ramp !== undefined && !isRamped(ramp, key)) return this.#besides(existing, agent, asked, read);
    return this.#withFallback(existing, agent, asked, read);
  }

  counts(): ExecutionCounts {
    const { runtime, ...existing } = this.#counts;
    return { runtime, existing, fallbacks: Object.fromEntries(this.#fallbacks), shadows: this.#shadows.counts };
  }

  /** When no shadow is under way: for tests, and before a process ends. */
  async settled(): Promise<void> {
    await this.#shadows.settled();
  }

  async #inRuntime<Result>(read: ReadAgent, context: ExecutionContext): Promise<ExecutionResult<Result>> {
    const startedAtMs = performance.now();
    const run = await this.#execute(read, context);
    this.#counts.runtime += 1;
    return resultOfRun<Result>(run, performance.now() - startedAtMs);
  }

  #execute(read: ReadAgent, { orgId, idempotencyKey, signal, onEvent, metadata, tags, ...rest }: ExecutionContext, more: { ttlMs?: number } = {}): Promise<LocalRun> {
    const request = { ...defined(rest), ...more, ...defined({ metadata: metadata && { ...metadata }, tags: tags && [...tags] }) };
    // Nor must who listens: the run goes on, and has its end.
    const tell = onEvent && ((event: StoredRunEvent) => quietly(() => onEvent(event)));
    return this.#options.runtime.execute(read, { orgId, request, idempotencyKey, signal, onEvent: tell });
  }

  async #inExisting<Result>(existing: ExecutionEngine, agent: unknown, context: ExecutionContext, why: ExistingReason): Promise<ExecutionResult<Result>> {
    const startedAtMs = performance.now();
    this.#counts[why.reason] += 1;
    // Called within the promise: an engine that throws before it returns one is no different.
    const answer = await (async () => existing.executeAgent(agent, context))().catch((thrown: unknown) => {
      if (context.signal?.aborted === true) throw context.signal.reason;
      return answerOfThrown(thrown);
    });
    return resultOfExisting<Result>(answer ?? {}, why, performance.now() - startedAtMs);
  }

  async #withFallback<Result>(existing: ExecutionEngine, agent: unknown, context: ExecutionContext, read: ReadAgent): Promise<ExecutionResult<Result>> {
    const { fallback = {} } = this.#options;
    if (fallback === false) return this.#inRuntime(read, context);
    const { codes = NOT_EXECUTED, startWithinMs } = fallback;
    const failed = (error: ExecutionError): boolean => context.signal?.aborted !== true && (codes as readonly string[]).includes(error.code);
    const startedAtMs = performance.now();
    let why: ExecutionError;
    try {
      const run = await this.#execute(read, context, defined({ ttlMs: startWithinMs }));
      if (run.error === null || run.state === 'succeeded' || !failed(run.error)) {
        this.#counts.runtime += 1;
        return resultOfRun<Result>(run, performance.now() - startedAtMs);
      }
      why = { code: run.error.code, message: run.error.message };
    } catch (thrown) {
      why = errorOf(thrown, 'UNKNOWN');
      if (!failed(why)) throw thrown;
    }
    this.#noteFallback(fallback, read, context, why);
    return this.#inExisting(existing, agent, context, { reason: 'fallback', fallback: why });
  }

  #noteFallback({ onFallback }: FallbackOptions, { agent }: ReadAgent, { orgId }: ExecutionContext, { code, message }: ExecutionError): void {
    this.#fallbacks.set(code, (this.#fallbacks.get(code) ?? 0) + 1);
    // The caller's own metrics must not cost the caller his answer.
    quietly(() => onFallback?.({ agent, orgId, code, message }));
  }

  /** The existing engine, with the runtime beside it where a shadow is wanted. */
  #besides<Result>(existing: ExecutionEngine, agent: unknown, context: ExecutionContext, read: ReadAgent): Promise<ExecutionResult<Result>> {
    const inputJson = this.#options.shadow !== undefined && this.#shadows.isWanted() ? jsonOf(context.input) : undefined;
    const given = this.#inExisting<Result>(existing, agent, context, { reason: 'ramp', fallback: null });
    if (inputJson === null) this.#shadows.skip();
    if (inputJson === null || inputJson === undefined) return given;
    const { onEvent: _, idempotencyKey, metadata, ...rest } = context;
    const shadowed = {
      priority: 10, ...rest, metadata: { ...metadata, 'bullpen.shadow': 'true' },
      // The same call twice is one shadow, and never the run of a call that is ramped later.
      ...(idempotencyKey === undefined ? {} : { idempotencyKey: `shadow:${idempotencyKey}` }),
    };
    const execute = (input: unknown, signal: AbortSignal) => this.#execute(read, { ...shadowed, input, signal });
    this.#shadows.cast({ agent: read.agent, orgId: context.orgId, inputJson, execute }, given);
    return given;
  }
}

function jsonOf(input: unknown): string | null {
  try {
    return JSON.stringify(input === undefined ? null : input) ?? null;
  } catch {
    return null;
  }
}
