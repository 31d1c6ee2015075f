import type { RunUsage } from '@bullpen/core';

/**
 * Measures a thread from outside the agent's reach. Guarantees: at most one reading is under way, so that a thread
 * inside a native call (which answers no reading) costs one pending promise; a reading never delays an attempt by more
 * than `FINAL_READING_MS`; an attempt shorter than `sampleMs` is read once, at its end.
 *
 * Readings interrupt JavaScript, `while (true)` included, and are answered by an idle thread within 0.1 ms.
 */

/** What Node 24 tells of a thread from outside. */
export interface MeasuredThread {
  cpuUsage(): Promise<{ user: number; system: number }>;
  getHeapStatistics(): Promise<{ used_heap_size: number; external_memory: number }>;
}

export interface Reading {
  heapMb: number;
  externalMb: number;
  /** Since the thread started. */
  cpuMs: number;
}

const FINAL_READING_MS = 100;
const MB = 1024 * 1024;

export class UsageMeter {
  readonly #thread: MeasuredThread;
  readonly #sampleMs: number;
  readonly #limitMb: number;
  #last: Reading = { heapMb: 0, externalMb: 0, cpuMs: 0 };
  #underway: Promise<Reading> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #cpuBeforeMs = 0;
  #peakHeapMb = 0;
  #peakExternalMb = 0;
  #isRunning = false;

  constructor(options: { thread: MeasuredThread; sampleMs: number; limitMb: number }) {
    this.#thread = options.thread;
    this.#sampleMs = options.sampleMs;
    this.#limitMb = options.limitMb;
  }

  /** The newest reading. */
  get last(): Reading {
    return this.#last;
  }

  /** An attempt begins: peaks start over, and `onReading` hears every sample until `end`. */
  begin(onReading: (reading: Reading) => number | undefined): void {
    this.#isRunning = true;
    this.#cpuBeforeMs = this.#last.cpuMs;
    this.#peakHeapMb = 0;
    this.#peakExternalMb = 0;
    this.#scheduleSample(this.#sampleMs, onReading);
  }

  /** The attempt is over: no more samples. */
  end(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  /** A last reading of a thread that still lives, bounded. */
  async readFinally(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FINAL_READING_MS);
    });
    await Promise.race([this.#read().catch(() => undefined), tooLate]);
    clearTimeout(timer);
  }

  /** What the attempt used, by the readings so far. */
  usage(wallMs: number): RunUsage {
    return {
      wallMs,
      cpuMs: Math.max(0, this.#last.cpuMs - this.#cpuBeforeMs),
      peakHeapMb: this.#peakHeapMb,
      peakExternalMb: this.#peakExternalMb,
      gbSeconds: (this.#limitMb / 1024) * (wallMs / 1000),
    };
  }

  /** `onReading` may ask for the next sample sooner, in ms. */
  #scheduleSample(afterMs: number, onReading: (reading: Reading) => number | undefined): void {
    this.#timer = setTimeout(() => {
      this.#read().then(
        (reading) => {
          if (this.#isRunning) this.#scheduleSample(onReading(reading) ?? this.#sampleMs, onReading);
        },
        () => undefined, // the thread is gone, and so is the attempt
      );
    }, afterMs);
  }

  #read(): Promise<Reading> {
    this.#underway ??= this.#measure().finally(() => {
      this.#underway = null;
    });
    return this.#underway;
  }

  async #measure(): Promise<Reading> {
    const [cpu, heap] = await Promise.all([this.#thread.cpuUsage(), this.#thread.getHeapStatistics()]);
    this.#last = {
      heapMb: heap.used_heap_size / MB,
      externalMb: heap.external_memory / MB,
      cpuMs: (cpu.user + cpu.system) / 1000,
    };
    this.#peakHeapMb = Math.max(this.#peakHeapMb, this.#last.heapMb);
    this.#peakExternalMb = Math.max(this.#peakExternalMb, this.#last.externalMb);
    return this.#last;
  }
}
