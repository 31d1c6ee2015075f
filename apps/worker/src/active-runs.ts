import type { InterruptReason } from '@bullpen/core';

/** The runs this worker holds, by organization and run: what a cancel, a lost lease or a shutdown reaches them through. */
export class ActiveRuns {
  readonly #controllers = new Map<string, AbortController>();
  #emptied: (() => void)[] = [];

  get size(): number {
    return this.#controllers.size;
  }

  /** The signal whose `reason` is the first InterruptReason given. */
  add(orgId: string, runId: string): AbortSignal {
    const controller = new AbortController();
    this.#controllers.set(`${orgId}/${runId}`, controller);
    return controller.signal;
  }

  delete(orgId: string, runId: string): void {
    this.#controllers.delete(`${orgId}/${runId}`);
    if (this.#controllers.size === 0) this.#emptied.splice(0).forEach((resolve) => resolve());
  }

  /** False when this worker does not hold the run. */
  interrupt(orgId: string, runId: string, reason: InterruptReason): boolean {
    const controller = this.#controllers.get(`${orgId}/${runId}`);
    controller?.abort(reason);
    return controller !== undefined;
  }

  interruptAll(reason: InterruptReason): void {
    for (const controller of this.#controllers.values()) controller.abort(reason);
  }

  /** Resolves when nothing is held, or after `withinMs`; true when nothing is held. */
  async whenEmpty(withinMs: number): Promise<boolean> {
    if (this.#controllers.size === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
    return this.#controllers.size === 0;
  }
}
