import { workerSnapshotSchema, type Clock, type Deadline, type Service, type WorkerSnapshot } from '@bullpen/core';
import { HEARTBEAT_PATTERN, type LiveBus } from '@bullpen/queue';

/** A worker that was not heard of for this long is not shown. */
const FORGET_AFTER_MS = 10_000;

/** The workers as their heartbeats tell of them. Complete one heartbeat after start. */
export class WorkerRegistry implements Service {
  readonly #bus: LiveBus;
  readonly #clock: Clock;
  readonly #heard = new Map<string, { snapshot: WorkerSnapshot; atMs: number }>();
  #unsubscribe: (() => Promise<void>) | null = null;

  constructor(deps: { bus: LiveBus; clock: Clock }) {
    this.#bus = deps.bus;
    this.#clock = deps.clock;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#bus.subscribe(HEARTBEAT_PATTERN, (data) => {
      const snapshot = workerSnapshotSchema.safeParse(data);
      if (snapshot.success) this.#heard.set(snapshot.data.id, { snapshot: snapshot.data, atMs: this.#clock.monotonicMs() });
    });
  }

  async quiesce(): Promise<void> {}

  async stop(_by: Deadline): Promise<void> {
    await this.#unsubscribe?.();
    this.#unsubscribe = null;
  }

  /** Sorted by start, oldest first. */
  workers(): WorkerSnapshot[] {
    const since = this.#clock.monotonicMs() - FORGET_AFTER_MS;
    for (const [id, { atMs }] of this.#heard) if (atMs < since) this.#heard.delete(id);
    return [...this.#heard.values()].map(({ snapshot }) => snapshot).sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  }
}
