import { ERROR_REGISTRY, type ErrorCode } from './error-registry.ts';

/** Facts of an error: what a reader needs to act on it. Values are JSON. */
export type ErrorFacts = Readonly<Record<string, unknown>>;

/**
 * The one error class. Branch on `code`, never on `instanceof`: errors cross threads, processes and realms.
 *
 * @example throw new BullpenError('AGENT_NOT_FOUND', `no agent ${name}`, { name });
 */
export class BullpenError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BullpenError';
    this.code = code;
    this.facts = facts;
  }

  /** HTTP status that the code maps to. */
  get status(): number {
    return ERROR_REGISTRY[this.code].status;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return ERROR_REGISTRY[this.code].retryable;
  }
}

/** The Bullpen code of anything that was thrown, or undefined where it has none. */
export function errorCodeOf(thrown: unknown): ErrorCode | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && Object.hasOwn(ERROR_REGISTRY, code) ? (code as ErrorCode) : undefined;
}

/** A sentence for anything that was thrown, `null` and objects with hostile getters included. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message) || thrown.name;
    const message = (thrown as { message?: unknown } | null | undefined)?.message;
    return typeof message === 'string' ? message : String(thrown);
  } catch {
    return 'something that cannot be described was thrown';
  }
}
