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

/** When a run was sent, got its slot and left it, ms of the monotonic clock. */
export interface RunRecord {
  readonly run: BenchRun;
  readonly startedMs: number;
  endedMs: number;
}

/** The slots themselves: executes runs, and writes down when a slot was busy and with what. The scheduler does not read it. */
export class SlotMeter {
  readonly slots: number;
  readonly records: RunRecord[] = [];
  readonly #sent: Sending[] = [];
  #busy = 0;
  /** Moments at which a slot became free, in order. */
  readonly #freedMs: number[] = [];

  constructor(slots: number) {
    this.slots = slots;
  }

  /** Sends a run whose wait is asked for later. */
  async send(run: BenchRun, enqueue: () => Promise<void>): Promise<void> {
    const sending = { run, sentMs: performance.now(), queuedMs: Infinity, wasSlotFree: false };
    this.#sent.push(sending);
    await enqueue();
    sending.queuedMs = performance.now();
    sending.wasSlotFree = this.#busy < this.slots;
  }

  async execute(run: BenchRun): Promise<RunRecord> {
    const record: RunRecord = { run, startedMs: performance.now(), endedMs: Infinity };
    this.records.push(record);
    this.#busy += 1;
    await new Promise<void>((resolve) => { setTimeout(resolve, run.lengthMs); });
    this.#busy -= 1;
    record.endedMs = performance.now();
    this.#freedMs.push(record.endedMs);
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

  /** How long each run that was sent waited; one that did not start by `untilMs` has waited until then. */
  waitsMs(untilMs: number): number[] {
    return this.#waits(untilMs).map(({ waitMs }) => waitMs);
  }

  /**
   * The same without the residual service time: the time from when the run was queued until a slot became free. Until
   * then every slot executes a run that nobody may interrupt, so no scheduler can start another.
   */
  waitsForTurnMs(untilMs: number): number[] {
    return this.#waits(untilMs).map(({ waitMs, queuedMs, wasSlotFree }) => {
      if (wasSlotFree) return waitMs;
      const freedMs = this.#freedMs.find((atMs) => atMs >= queuedMs) ?? untilMs;
      return Math.max(0, waitMs - Math.max(0, freedMs - queuedMs));
    });
  }

  #waits(untilMs: number): (Sending & { waitMs: number })[] {
    const starts = new Map(this.records.map(({ run, startedMs }) => [run.runId, startedMs]));
    return this.#sent.map((sending) => ({ ...sending, waitMs: Math.min(starts.get(sending.run.runId) ?? Infinity, untilMs) - sending.sentMs }));
  }
}

interface Sending {
  readonly run: BenchRun;
  readonly sentMs: number;
  /** When the scheduler said that it has it. */
  queuedMs: number;
  wasSlotFree: boolean;
}
