import { messageOf, type Clock, type Faults, type Logger } from '@bullpen/core';

import type { ChargedRun, Dispatch, TurnResult } from './dispatch.ts';
import type { FullOrganizations } from './run-queue.ts';
import type { Turns } from './turns.ts';
import { isUnavailable, pause } from './unavailable.ts';

/** How long a take waits for a run before it says that there is none. */
const IDLE_TAKE_MS = 5000;
const MIN_WAIT_MS = 10;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

const nobody: FullOrganizations = () => [];

export interface RunTakerDeps {
  dispatch: Pick<Dispatch, 'wait'>;
  turns: Pick<Turns, 'take'>;
  clock: Clock;
  log: Logger;
  faults: Faults;
  /** Takes back runs that nobody will look at. */
  giveBack: (runs: readonly ChargedRun[]) => Promise<void>;
}

/**
 * Takes runs as soon as there are some. A run that it returns is active under the caller's lease. A server that is away is
 * logged and asked again until the take's time is over.
 */
export class RunTaker {
  readonly #deps: RunTakerDeps;
  /** Under way, for whoever waits: there is one connection to wait on. */
  #waiting: Promise<void> | null = null;

  constructor(deps: RunTakerDeps) {
    this.#deps = deps;
  }

  /** 1 to `max` runs; none when `signal` aborts, or after a few idle seconds. `full` is asked before each turn. */
  async take(max: number, signal: AbortSignal, full: FullOrganizations = nobody): Promise<readonly ChargedRun[]> {
    const { clock, faults } = this.#deps;
    const endMs = clock.monotonicMs() + IDLE_TAKE_MS;
    let backoffMs = FIRST_BACKOFF_MS;
    while (!signal.aborted && clock.monotonicMs() < endMs) {
      const result = await this.#tryTurn(max, full());
      if (result !== null && result.runs.length > 0) {
        await faults.hit('after-take');
        return this.#unlessAborted(result.runs, signal);
      }
      if (result !== null && (await this.#tryWait(result, endMs - clock.monotonicMs(), signal))) continue;
      await pause(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
    return [];
  }

  async #tryTurn(max: number, full: readonly string[]): Promise<TurnResult | null> {
    try {
      return await this.#deps.turns.take(max, full);
    } catch (thrown) {
      if (!isUnavailable(thrown)) throw thrown;
      this.#deps.log.warn({ error: messageOf(thrown) }, 'queue.take_failed');
      return null;
    }
  }

  /** @returns false where it could not wait */
  async #tryWait({ nextDueMs }: TurnResult, leftMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, dispatch, log } = this.#deps;
    const dueInMs = nextDueMs === null ? Infinity : nextDueMs - clock.nowMs();
    try {
      // Something overdue that this turn did not get is being promoted by somebody else.
      this.#waiting ??= dispatch.wait(Math.max(MIN_WAIT_MS, Math.min(leftMs, dueInMs)), signal).finally(() => { this.#waiting = null; });
      await orAborted(this.#waiting, signal);
      return true;
    } catch (thrown) {
      log.warn({ error: messageOf(thrown) }, 'queue.wait_failed');
      return false;
    }
  }

  async #unlessAborted(runs: readonly ChargedRun[], signal: AbortSignal): Promise<readonly ChargedRun[]> {
    if (!signal.aborted) return runs;
    await this.#deps.giveBack(runs);
    return [];
  }
}

/** What is waited for, or the end of the wish to: then without an error. */
async function orAborted(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return waiting.catch(() => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([waiting, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
