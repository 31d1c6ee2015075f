import type { InterruptReason } from '@bullpen/core';
import type { TakenRun } from '@bullpen/queue';

/**
 * The runs this worker holds: what a cancel, a lost lease or a shutdown reaches them through. One entry for each time
 * that a run was taken, since a run that was given back or is retried may be taken again by this worker before it is through
 * with the first time: the end of the one must not hide the other.
 */
export class ActiveRuns {
  readonly #held = new Map<TakenRun, AbortController>();
  /** `org/run`: mostly one, two while an earlier time is being ended. */
  readonly #ofRun = new Map<string, Set<TakenRun>>();
  #emptied: (() => void)[] = [];

  get size(): number {
    return this.#held.size;
  }

  /** The signal whose `reason` is the first InterruptReason given. */
  add(taken: TakenRun): AbortSignal {
    const controller = new AbortController();
    this.#held.set(taken, controller);
    const times = this.#ofRun.get(keyOf(taken));
    if (times === undefined) this.#ofRun.set(keyOf(taken), new Set([taken]));
    else times.add(taken);
    return controller.signal;
  }

  delete(taken: TakenRun): void {
    this.#held.delete(taken);
    const times = this.#ofRun.get(keyOf(taken));
    times?.delete(taken);
    if (times?.size === 0) this.#ofRun.delete(keyOf(taken));
    if (this.#held.size === 0) this.#emptied.splice(0).forEach((resolve) => resolve());
  }

  /** False when this worker does not hold the run. */
  interrupt(orgId: string, runId: string, reason: InterruptReason): boolean {
    const times = this.#ofRun.get(keyOf({ orgId, runId }));
    for (const taken of times ?? []) this.interruptTaken(taken, reason);
    return times !== undefined;
  }

  /** This time of holding the run only. */
  interruptTaken(taken: TakenRun, reason: InterruptReason): void {
    this.#held.get(taken)?.abort(reason);
  }

  interruptAll(reason: InterruptReason): void {
    for (const controller of this.#held.values()) controller.abort(reason);
  }

  /** Resolves when nothing is held, or after `withinMs`; true when nothing is held. */
  async whenEmpty(withinMs: number): Promise<boolean> {
    if (this.#held.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    return this.#held.size === 0;
  }
}

function keyOf({ orgId, runId }: Pick<TakenRun, 'orgId' | 'runId'>): string {
  return `${orgId}/${runId}`;
}
