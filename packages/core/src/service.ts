import { systemClock, type Clock } from './clock.ts';

/** One monotonic instant, handed down through a whole stop, by which everything must be over. */
export class Deadline {
  readonly #atMs: number;
  readonly #clock: Clock;

  private constructor(atMs: number, clock: Clock) {
    this.#atMs = atMs;
    this.#clock = clock;
  }

  static in(ms: number, clock: Clock = systemClock): Deadline {
    return new Deadline(clock.monotonicMs() + ms, clock);
  }

  /** Milliseconds left, never negative. */
  get remainingMs(): number {
    return Math.max(0, this.#atMs - this.#clock.monotonicMs());
  }
}

/**
 * The contract of everything that lives. Constructors do no I/O. `quiesce` takes no new work and lets go of nothing;
 * `stop` returns only when stopped. Both tolerate a service that was never started, or stopped before.
 */
export interface Service {
  start(): Promise<void>;
  quiesce(): Promise<void>;
  stop(by: Deadline): Promise<void>;
}

/**
 * Several services as one: started in order, stopped in reverse. A failed start stops what had started and rethrows;
 * a stop attempts all, then throws an `AggregateError` of what failed.
 */
export function composeServices(services: readonly Service[]): Service {
  const started: Service[] = [];
  const compose: Service = {
    async start() {
      for (const service of services) {
        try {
          await service.start();
          started.push(service);
        } catch (error) {
          await compose.stop(Deadline.in(5000)).catch(() => undefined);
          throw error;
        }
      }
    },
    async quiesce() {
      await inReverse(started, (service) => service.quiesce());
    },
    async stop(by) {
      const stopping = started.splice(0);
      await inReverse(stopping, (service) => service.stop(by));
    },
  };
  return compose;
}

async function inReverse(services: readonly Service[], act: (service: Service) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const service of [...services].reverse()) {
    try {
      await act(service);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} of ${services.length} services failed to stop`);
}
