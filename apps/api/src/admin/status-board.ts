import type { Deadline, HealthLevel, RuntimeStatus, Service } from '@bullpen/core';

import { readRuntimeStatus, type RuntimeStatusDeps } from './runtime-status.ts';

const FRESH_MS = 100;
const OLDEST_MS = 3000;
const LONGEST_WAIT_MS = 25;

/**
 * The status document, put together once for all who look. What is handed out is whole and of one moment. It is made anew when it is
 * asked for and older than a tenth of a second; who asks waits for that, but where it takes long (thousands of organizations)
 * gets the one before, if that is no older than three seconds.
 */
export class StatusBoard implements Service {
  readonly #deps: RuntimeStatusDeps;
  readonly #levels = new Map<string, HealthLevel>();
  #latest: { status: RuntimeStatus; json: string; atMs: number } | null = null;
  #making: Promise<void> | null = null;

  constructor(deps: RuntimeStatusDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {}

  async quiesce(): Promise<void> {}

  async stop(_by: Deadline): Promise<void> {
    await this.#making?.catch(() => undefined);
    this.#latest = null;
  }

  /** @throws BullpenError SERVICE_UNAVAILABLE */
  async latest(): Promise<{ status: RuntimeStatus; json: string }> {
    const ageMs = this.#latest === null ? Infinity : this.#deps.clock.monotonicMs() - this.#latest.atMs;
    if (ageMs > FRESH_MS) await this.#remade(ageMs <= OLDEST_MS ? LONGEST_WAIT_MS : Infinity);
    if (this.#latest === null) throw new Error('the status was stopped while it was made');
    return this.#latest;
  }

  /** A failure is told to who has nothing to be given instead. */
  async #remade(waitMs: number): Promise<void> {
    const making = this.#making ??= this.#make();
    if (waitMs === Infinity) return making;
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => { timer = setTimeout(resolve, waitMs); });
    await Promise.race([making.catch(() => undefined), waited]);
    clearTimeout(timer);
  }

  async #make(): Promise<void> {
    try {
      const status = await readRuntimeStatus(this.#deps, { levels: this.#levels });
      this.#latest = { status, json: JSON.stringify(status), atMs: this.#deps.clock.monotonicMs() };
    } finally {
      this.#making = null;
    }
  }
}

