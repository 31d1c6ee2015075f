import { errorCodeOf, messageOf, type Logger } from '@bullpen/core';
import { addRuntimeSamples, type Database, type RuntimeSample } from '@bullpen/db';

const MOST_SAMPLES = 50_000;
const SAMPLES_PER_STATEMENT = 2000;

/**
 * Gauges on their way to Postgres, in order. While it is away the oldest are let go of beyond a bound, counted and said: of
 * gauges the youngest matter most.
 */
export class SampleBuffer {
  readonly #deps: { db: Database; log: Logger };
  #waiting: RuntimeSample[] = [];

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(samples: readonly RuntimeSample[]): void {
    this.#waiting = this.#waiting.concat(samples);
    const beyond = this.#waiting.length - MOST_SAMPLES;
    if (beyond <= 0) return;
    this.#waiting.splice(0, beyond);
    this.#deps.log.error({ samples: beyond }, 'metrics.samples_dropped');
  }

  /** @throws BullpenError SERVICE_UNAVAILABLE; what was not written is kept. */
  async write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const chunk = this.#waiting.slice(0, SAMPLES_PER_STATEMENT);
      try {
        await addRuntimeSamples(this.#deps.db, chunk);
      } catch (error) {
        if (errorCodeOf(error) === 'SERVICE_UNAVAILABLE') throw error;
        this.#deps.log.error({ samples: chunk.length, error: messageOf(error) }, 'metrics.samples_refused');
      }
      // Not by count: more may have come, and the oldest may have been let go of meanwhile.
      const written = new Set(chunk);
      this.#waiting = this.#waiting.filter((sample) => !written.has(sample));
    }
  }
}
