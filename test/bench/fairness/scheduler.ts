import type { OrganizationLimits } from '@bullpen/core';

/** One run of a benchmark: a timer of `lengthMs` in a slot, which holds `memoryMb` meanwhile. */
export interface BenchRun {
  readonly orgId: string;
  readonly runId: string;
  readonly lengthMs: number;
  readonly memoryMb: number;
}

export interface SchedulerOptions {
  readonly redisUrl: string;
  readonly orgIds: readonly string[];
  /** Limits and weights, for a scheduler that knows them. */
  readonly limits: Readonly<Record<string, Partial<OrganizationLimits>>>;
  readonly slots: SlotMeter;
}

/** Something that decides which run a free slot gets. All three keep their queues on the same Redis. */
export interface Scheduler {
  enqueue(runs: readonly BenchRun[]): Promise<void>;
  /** Begins to fill the slots. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export type OpenScheduler = (options: SchedulerOptions) => Promise<Scheduler>;

/** When a run got its slot and left it, ms of the monotonic clock. */
export interface RunRecord {
  readonly run: BenchRun;
  readonly startedMs: number;
  endedMs: number;
}

/** A slot became free; since when every slot had been busy until then (`atMs` where one was idle). */
interface Freeing {
  readonly atMs: number;
  readonly fullSinceMs: number;
}

interface Sending {
  readonly run: BenchRun;
  readonly sentMs: number;
  /** When the scheduler said that it has it. */
  queuedMs: number;
}

/** The slots themselves: executes runs, and writes down when a slot was busy and with what. The scheduler does not read it. */
export class SlotMeter {
  readonly slots: number;
  readonly records: RunRecord[] = [];
  readonly #sent: Sending[] = [];
  #busy = 0;
  /** When the last of them became busy; Infinity while one is idle. */
  #fullSinceMs = Infinity;
  /** In order. */
  readonly #freeings: Freeing[] = [];

  constructor(slots: number) {
    this.slots = slots;
  }

  /** Sends a run whose wait is asked for later. */
  async send(run: BenchRun, enqueue: () => Promise<void>): Promise<void> {
    const sending = { run, sentMs: performance.now(), queuedMs: Infinity };
    this.#sent.push(sending);
    await enqueue();
    sending.queuedMs = performance.now();
  }

  async execute(run: BenchRun): Promise<RunRecord> {
    const record: RunRecord = { run, startedMs: performance.now(), endedMs: Infinity };
    this.records.push(record);
    this.#busy += 1;
    if (this.#busy === this.slots) this.#fullSinceMs = record.startedMs;
    await new Promise<void>((resolve) => { setTimeout(resolve, run.lengthMs); });
    record.endedMs = performance.now();
    this.#freeings.push({ atMs: record.endedMs, fullSinceMs: Math.min(this.#fullSinceMs, record.endedMs) });
    this.#busy -= 1;
    this.#fullSinceMs = Infinity;
    return record;
  }

  /** GB-seconds of each organization between two moments. */
  resourceSeconds(orgIds: readonly string[], fromMs: number, untilMs: number): number[] {
    const used = new Map(orgIds.map((orgId) => [orgId, 0]));
    for (const { run, startedMs, endedMs } of this.records) {
      const heldMs = Math.max(0, Math.min(endedMs, untilMs) - Math.max(startedMs, fromMs));
      used.set(run.orgId, (used.get(run.orgId) ?? 0) + (run.memoryMb / 1024) * (heldMs / 1000));
    }
    return orgIds.map((orgId) => used.get(orgId) ?? 0);
  }

  /** Share of all slots' time between two moments in which they executed nothing. */
  idleShare(fromMs: number, untilMs: number): number {
    const busyMs = this.records.reduce((sum, { startedMs, endedMs }) => sum + Math.max(0, Math.min(endedMs, untilMs) - Math.max(startedMs, fromMs)), 0);
    return 1 - busyMs / (this.slots * (untilMs - fromMs));
  }

  /** How long each run that was sent waited, in the order of sending; one that did not start by `untilMs` has waited until then. */
  waitsMs(untilMs: number): number[] {
    const startedMs = this.#starts(untilMs);
    return this.#sent.map(({ run, sentMs }) => startedMs(run) - sentMs);
  }

  /**
   * The same without the residual service time. Of slots that become free while sent runs wait, the first is for the run that was
   * queued first, the second for the second: no scheduler can start them sooner, since a run is not interrupted. As long as
   * every slot was busy until then is taken off. Time with an idle slot is not: that a slot stays idle is the scheduler's doing.
   */
  waitsForTurnMs(untilMs: number): number[] {
    const startedMs = this.#starts(untilMs);
    let next = 0;
    return this.#sent.map(({ run, sentMs, queuedMs }) => {
      while (next < this.#freeings.length && this.#freeings[next]!.atMs < queuedMs) next += 1;
      const freeMs = this.#freeings[next]?.atMs ?? untilMs;
      // One that started sooner found an idle slot.
      if (freeMs <= startedMs(run)) next += 1;
      return Math.max(0, startedMs(run) - sentMs - this.#fullMs(queuedMs, Math.min(freeMs, startedMs(run))));
    });
  }

  /** How long every slot was busy between two moments. */
  #fullMs(fromMs: number, untilMs: number): number {
    const since = this.#freeings.findIndex(({ atMs }) => atMs >= fromMs);
    let fullMs = 0;
    for (let i = since; i >= 0 && i < this.#freeings.length && this.#freeings[i]!.fullSinceMs < untilMs; i += 1) {
      const { atMs, fullSinceMs } = this.#freeings[i]!;
      fullMs += Math.max(0, Math.min(atMs, untilMs) - Math.max(fullSinceMs, fromMs));
    }
    return fullMs;
  }

  #starts(untilMs: number): (run: BenchRun) => number {
    const starts = new Map(this.records.map(({ run, startedMs }) => [run.runId, startedMs]));
    return ({ runId }) => Math.min(starts.get(runId) ?? Infinity, untilMs);
  }
}
