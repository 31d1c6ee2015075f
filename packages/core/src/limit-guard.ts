import type { ErrorCode } from './error-registry.ts';
import type { RunEvent } from './event-schemas.ts';
import type { AttemptLimitName, AttemptLimits } from './limit-schemas.ts';
import type { FailedState } from './outcome.ts';

/**
 * Holds one attempt to its limits, whoever measures. Guarantees: for each limit one warning in the run's log, when
 * `WARN_AT` of it is used, and one breach, when more than all of it is; the first breach of an attempt is the only one
 * that is told. A limit that the attempt does not have is not looked at.
 */

export type GuardedLimit = 'timeoutMs' | 'memoryMb' | AttemptLimitName;

/** What an attempt is ended with. */
export interface Breach {
  readonly limit: GuardedLimit;
  readonly state: FailedState;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The share of a limit at which its run is warned. */
export const WARN_AT = 0.8;

interface LimitKind {
  readonly unit: string;
  readonly what: string;
  readonly state: FailedState;
  readonly code: ErrorCode;
}

const KINDS: Readonly<Record<GuardedLimit, LimitKind>> = {
  timeoutMs: { unit: 'ms', what: 'wall time', state: 'timed_out', code: 'TIMED_OUT' },
  cpuMs: { unit: 'ms', what: 'CPU time', state: 'cpu_exceeded', code: 'CPU_EXCEEDED' },
  memoryMb: { unit: 'MB', what: 'memory', state: 'out_of_memory', code: 'OUT_OF_MEMORY' },
  externalMb: { unit: 'MB', what: 'memory outside the heap', state: 'out_of_memory', code: 'EXTERNAL_MEMORY_EXCEEDED' },
  resultBytes: { unit: 'bytes', what: 'result', state: 'failed', code: 'RESULT_TOO_LARGE' },
  logBytes: { unit: 'bytes', what: 'log lines and events', state: 'failed', code: 'LOG_VOLUME_EXCEEDED' },
  eventsPerSecond: { unit: 'events', what: 'events within a second', state: 'failed', code: 'EVENT_RATE_EXCEEDED' },
  egressBytes: { unit: 'bytes', what: 'egress', state: 'failed', code: 'EGRESS_BYTES_EXCEEDED' },
  egressRequests: { unit: 'requests', what: 'egress', state: 'failed', code: 'EGRESS_REQUESTS_EXCEEDED' },
};

export interface LimitGuardOptions {
  readonly limits: AttemptLimits & { readonly timeoutMs: number; readonly memoryMb: number };
  /** Puts a line into the run's log. */
  readonly say: (event: RunEvent) => void;
  readonly onBreach: (breach: Breach) => void;
}

export class LimitGuard {
  readonly #options: LimitGuardOptions;
  readonly #warned = new Set<GuardedLimit>();
  #breach: Breach | null = null;

  constructor(options: LimitGuardOptions) {
    this.#options = options;
  }

  /** The first limit that was passed; null where none was. */
  get breach(): Breach | null {
    return this.#breach;
  }

  /** What the attempt may use; undefined where this is not limited. */
  allowed(limit: GuardedLimit): number | undefined {
    return this.#options.limits[limit];
  }

  /** Tells how much of a limit is used by now. @returns false once the limit is passed */
  used(limit: GuardedLimit, value: number): boolean {
    const allowed = this.#options.limits[limit];
    if (allowed === undefined) return true;
    if (value > allowed) {
      this.#pass(limit, value, allowed);
      return false;
    }
    if (value >= allowed * WARN_AT && value > 0) this.warn(limit, value);
    return true;
  }

  /** Warns where most of a limit is used that somebody else enforces. */
  near(limit: GuardedLimit, value: number): void {
    const allowed = this.#options.limits[limit];
    if (allowed !== undefined && value >= allowed * WARN_AT) this.warn(limit, value);
  }

  /** Says, once, that a limit is near. */
  warn(limit: GuardedLimit, value: number): void {
    const allowed = this.#options.limits[limit];
    if (allowed === undefined || this.#warned.has(limit)) return;
    this.#warned.add(limit);
    const { unit, what } = KINDS[limit];
    const used = rounded(value);
    const message = `${what}: ${used} of ${allowed} ${unit} used; beyond ${limit} the attempt is ended`;
    this.#options.say({ type: 'log', level: 'warn', message, fields: { by: 'bullpen', limit, used, allowed } });
  }

  #pass(limit: GuardedLimit, value: number, allowed: number): void {
    if (this.#breach !== null) return;
    const { unit, what, state, code } = KINDS[limit];
    this.#breach = { limit, state, code, message: `${what}: ${rounded(value)} ${unit} are beyond the limit of ${allowed} (${limit})` };
    this.#options.onBreach(this.#breach);
  }
}

function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 10) / 10;
}
