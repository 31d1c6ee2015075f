import type { LocalRun } from '../local/local-run.ts';
import { differencesOf, type Difference } from './differences.ts';
import type { ExecutionError, ExecutionResult } from './execution.ts';
import { quietly } from './quietly.ts';
import { errorOf, resultOfRun } from './results.ts';

/** How the runtime's shadow of an execution compares with what the caller got. */
export interface ShadowReport {
  readonly agent: string;
  readonly orgId: string | undefined;
  readonly kind: 'same' | 'different' | 'failed';
  /** Empty unless `different`; the first twenty. */
  readonly differences: readonly Difference[];
  /** Why there is nothing to compare, or why it could not be: given with `failed`. */
  readonly error: ExecutionError | null;
  readonly existing: ExecutionResult;
  /** Null where it did not come to an end. */
  readonly runtime: ExecutionResult | null;
}

export interface ShadowOptions {
  /** Of the calls that the existing engine executes, how many are executed by the runtime as well; 100 where left out. */
  percent?: number;
  /** Told how each shadow compares. What it throws is ignored. */
  onReport?: (report: ShadowReport) => void;
  /** Paths that may differ, such as `result.generatedAt`; `*` stands for one step. */
  ignore?: readonly string[];
  /** Compares instead of the built-in comparison of state and result. */
  compare?: (existing: ExecutionResult, runtime: ExecutionResult) => readonly Difference[];
  /** Shadows at once; a call beyond it has none, and that is counted. 10 where left out. */
  maxInFlight?: number;
  /** A shadow that takes longer is cancelled; 60 s where left out. */
  timeoutMs?: number;
}

export interface ShadowCounts {
  readonly same: number;
  readonly different: number;
  readonly failed: number;
  /** Left out: too many at once, or an input that JSON cannot hold. */
  readonly skipped: number;
}

/** What of a call the shadow is made from: the input as JSON text, since the existing engine may change the object. */
export interface ShadowCall {
  readonly agent: string;
  readonly orgId: string | undefined;
  readonly inputJson: string;
  /** Executes the run; called later, outside of the caller's turn. */
  readonly execute: (input: unknown, signal: AbortSignal) => Promise<LocalRun>;
}

/**
 * Shadows: the runtime executes what the existing engine executes, and the two are compared. Guarantees: the caller waits
 * for none of it, nothing of it reaches him (whatever throws or hangs), and there are never more than `maxInFlight`.
 */
export class Shadows {
  readonly #options: ShadowOptions;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #counts = { same: 0, different: 0, failed: 0, skipped: 0 };

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  get counts(): ShadowCounts {
    return { ...this.#counts };
  }

  isWanted(): boolean {
    return Math.random() * 100 < (this.#options.percent ?? 100);
  }

  skip(): void {
    this.#counts.skipped += 1;
  }

  /** Begins a shadow, where there is room. @param existing - what the caller is given; never rejects */
  cast(call: ShadowCall, existing: Promise<ExecutionResult>): void {
    if (this.#inFlight.size >= (this.#options.maxInFlight ?? 10)) {
      this.skip();
      return;
    }
    const shadow: Promise<void> = this.#run(call, existing).catch(() => undefined).finally(() => this.#inFlight.delete(shadow));
    this.#inFlight.add(shadow);
  }

  /** When none is under way. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #run({ agent, orgId, inputJson, execute }: ShadowCall, existing: Promise<ExecutionResult>): Promise<void> {
    await nextTurn();
    const startedAtMs = performance.now();
    const signal = AbortSignal.timeout(this.#options.timeoutMs ?? 60_000);
    const cast = await execute(JSON.parse(inputJson), signal).then(
      (run) => ({ runtime: resultOfRun(run, performance.now() - startedAtMs), error: null }),
      (error: unknown) => ({ runtime: null, error: errorOf(error, 'INTERNAL') }),
    );
    const given = await existing;
    const seen = this.#judge(given, cast);
    this.#counts[seen.kind] += 1;
    quietly(() => this.#options.onReport?.({ agent, orgId, existing: given, ...seen }));
  }

  /** Also where there is nothing to compare: a result that JSON cannot hold, a `compare` that throws. */
  #judge(existing: ExecutionResult, { runtime, error }: Cast): Pick<ShadowReport, 'kind' | 'differences' | 'error' | 'runtime'> {
    if (runtime === null) return { kind: 'failed', differences: [], error, runtime };
    try {
      const differences = this.#compare(existing, runtime);
      return { kind: differences.length === 0 ? 'same' : 'different', differences, error: null, runtime };
    } catch (thrown) {
      return { kind: 'failed', differences: [], error: errorOf(thrown, 'INTERNAL'), runtime };
    }
  }

  #compare(existing: ExecutionResult, runtime: ExecutionResult): readonly Difference[] {
    const { compare, ignore } = this.#options;
    if (compare !== undefined) return compare(existing, runtime);
    const succeeded = [existing, runtime].map(({ state }) => state === 'succeeded');
    if (succeeded[0] !== succeeded[1]) return [{ path: 'state', existing: existing.state, runtime: runtime.state }];
    return differencesOf(plain(existing.result), plain(runtime.result), 'result', ignore);
  }
}

interface Cast {
  readonly runtime: ExecutionResult | null;
  readonly error: ExecutionError | null;
}

/** As JSON has it: what the runtime gives has been through it. */
function plain(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value) ?? 'null') as unknown);
}

/** Behind whatever the caller's turn still does. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, 0); });
}
