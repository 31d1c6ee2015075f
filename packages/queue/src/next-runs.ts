import type { TakenRun } from './taken-run.ts';

/** A run that nobody takes within this goes back: whoever took stopped without saying so. */
const KEPT_MS = 100;
/** A reason of its own spares making an error, with its stack, each time. */
const SOME = 'there are runs to collect';

/**
 * Runs that were taken together with the completion of another, until the next take collects them. Each takes the slot of
 * the run that it followed, so there are never more than the caller has room for. What is not collected is given back.
 */
export class NextRuns {
  readonly #giveBack: (taken: TakenRun) => Promise<void>;
  #runs: TakenRun[] = [];
  #timer: NodeJS.Timeout | undefined;
  #enough: AbortController | null = null;

  constructor(giveBack: (taken: TakenRun) => Promise<void>) {
    this.#giveBack = giveBack;
  }

  add(taken: TakenRun): void {
    this.#runs.push(taken);
    this.#timer ??= setTimeout(() => void this.clear(), KEPT_MS);
    this.#enough?.abort(SOME);
  }

  collect(max: number): TakenRun[] {
    const collected = this.#runs.splice(0, max);
    if (this.#runs.length === 0) this.#stopTimer();
    return collected;
  }

  /** Aborts when there is something to collect. */
  whenSome(): AbortSignal {
    this.#enough = new AbortController();
    if (this.#runs.length > 0) this.#enough.abort(SOME);
    return this.#enough.signal;
  }

  async clear(): Promise<void> {
    this.#stopTimer();
    await Promise.all(this.#runs.splice(0).map((taken) => this.#giveBack(taken)));
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
