import { ERROR_REGISTRY, messageOf, type AttemptOutcome, type ErrorCode, type FailedState, type RunUsage } from '@bullpen/core';

/** Why an attempt is ended from outside its agent. */
export type EndCause =
  | { readonly kind: 'failed'; readonly state: FailedState; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'cancelled' };

/** The first cause stays; whoever waits for the agent hears of it at once. */
export class AttemptEnd {
  /** When there is a cause. */
  readonly happened: Promise<EndCause>;
  #tell: (cause: EndCause) => void = () => undefined;
  #cause: EndCause | null = null;

  constructor() {
    // Not Promise.withResolvers: the package is for Node 20 as well.
    this.happened = new Promise((resolve) => { this.#tell = resolve; });
  }

  get cause(): EndCause | null {
    return this.#cause;
  }

  fail(state: FailedState, code: ErrorCode, message: string): void {
    this.#set({ kind: 'failed', state, code, message });
  }

  cancel(): void {
    this.#set({ kind: 'cancelled' });
  }

  #set(cause: EndCause): void {
    this.#cause ??= cause;
    this.#tell(this.#cause);
  }
}

export function outcomeOfCause(cause: EndCause, usage: RunUsage): AttemptOutcome {
  if (cause.kind === 'cancelled') return { kind: 'interrupted', reason: 'cancelled', usage };
  return failed(cause.state, cause.code, cause.message, usage);
}

/** What the agent threw, or what its promise rejected with. */
export function outcomeOfThrown(thrown: unknown, usage: RunUsage): AttemptOutcome {
  const stack = (thrown as { stack?: unknown } | null | undefined)?.stack;
  const message = thrown === null || thrown === undefined ? `the agent threw ${String(thrown)}` : withName(thrown);
  return failed('failed', 'AGENT_THREW', message, usage, typeof stack === 'string' ? stack : undefined);
}

export function failed(state: FailedState, code: ErrorCode, message: string, usage: RunUsage, stack?: string): AttemptOutcome {
  const error = stack === undefined ? { code, message } : { code, message, stack };
  return { kind: 'failed', state, error, retryable: ERROR_REGISTRY[code].retryable, usage };
}

/** `TypeError: no`, and plainly `no` for an Error: as a container says it. */
function withName(thrown: unknown): string {
  const name = (thrown as { name?: unknown }).name;
  const message = messageOf(thrown) || 'the agent threw an error without a message';
  return typeof name !== 'string' || name === '' || name === 'Error' || !(thrown instanceof Error) ? message : `${name}: ${message}`;
}
