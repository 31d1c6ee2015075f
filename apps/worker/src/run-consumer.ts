import { messageOf, type Deadline, type Logger, type Service } from '@bullpen/core';
import type { RunQueue, TakenRun } from '@bullpen/queue';
import type { AgentRuntimeManager } from '@bullpen/runtime';

import type { ActiveRuns } from './active-runs.ts';
import type { RunExecutor } from './run-executor.ts';

/**
 * Takes runs while there are free slots and hands them to the executor. Organizations that the runtime has no room for are
 * not touched; a run that turns out larger than its organization's room goes back to the front of its queue.
 * `quiesce` stops taking. `stop` lets what runs finish, interrupts the rest in time for it to be recorded and given
 * back, and returns when this worker holds nothing.
 */
export interface RunConsumerDeps {
  queue: RunQueue;
  runtime: AgentRuntimeManager;
  executor: RunExecutor;
  active: ActiveRuns;
  log: Logger;
}

/** An organization whose pool is full is offered again after this long, or when one of its runs completes. */
const PARK_FULL_POOL_MS = 250;
/** Kept of the stop's deadline for terminating, recording and giving back. */
const GIVE_BACK_WITHIN_MS = 3000;

export class RunConsumer implements Service {
  readonly #deps: RunConsumerDeps;
  #taking: AbortController | null = null;
  #loop: Promise<void> = Promise.resolve();
  #slotFreed: (() => void) | null = null;
  #offs: (() => void)[] = [];

  constructor(deps: RunConsumerDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { queue, active } = this.#deps;
    this.#taking = new AbortController();
    this.#offs = [queue.onLeaseLost((taken) => active.interruptTaken(taken, 'lease_lost'))];
    this.#loop = this.#takeWhileOpen(this.#taking.signal);
  }

  async quiesce(): Promise<void> {
    this.#taking?.abort();
    this.#slotFreed?.();
    await this.#loop;
  }

  async stop(by: Deadline): Promise<void> {
    await this.quiesce();
    const { active } = this.#deps;
    if (!(await active.whenEmpty(Math.max(0, by.remainingMs - GIVE_BACK_WITHIN_MS)))) {
      // Requeue before the process ends: a lost run is worse than a repeated one.
      this.#deps.log.warn({ running: active.size }, 'worker.interrupting');
      active.interruptAll('shutdown');
      await active.whenEmpty(by.remainingMs);
    }
    this.#offs.splice(0).forEach((off) => off());
  }

  async #takeWhileOpen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const free = this.#deps.runtime.freeSlots();
      if (free === 0) await this.#nextFreeSlot();
      else await this.#takeOnce(free, signal);
    }
  }

  async #takeOnce(free: number, signal: AbortSignal): Promise<void> {
    let taken: TakenRun[] = [];
    try {
      taken = await this.#deps.queue.take(free, signal, () => this.#deps.runtime.fullOrganizations());
    } catch (error) {
      this.#deps.log.warn({ reason: messageOf(error) }, 'worker.take_failed');
      await abortableDelay(500, signal);
    }
    for (const run of taken) {
      if (signal.aborted) this.#giveBack(run);
      else this.#execute(run);
    }
  }

  #execute(taken: TakenRun): void {
    const { runtime, executor } = this.#deps;
    const { orgId, memoryMb, agent, version } = taken;
    const admission = runtime.admit(orgId, memoryMb, agent === undefined || version === undefined ? undefined : { agent, version });
    if (admission === null) this.#giveBack(taken, PARK_FULL_POOL_MS);
    else void executor.run(taken, admission).finally(() => this.#slotFreed?.());
  }

  #giveBack(taken: TakenRun, parkMs = 0): void {
    this.#deps.queue.giveBack(taken, { parkMs }).catch((error: unknown) => {
      // Its lease runs out by itself, and the sweep offers it again.
      this.#deps.log.warn({ orgId: taken.orgId, runId: taken.runId, reason: messageOf(error) }, 'run.give_back_failed');
    });
  }

  async #nextFreeSlot(): Promise<void> {
    await new Promise<void>((resolve) => { this.#slotFreed = resolve; });
    this.#slotFreed = null;
  }
}

async function abortableDelay(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
