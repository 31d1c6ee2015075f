import type { RunUsage } from '@bullpen/core';

/**
 * Measures a container from outside the agent's reach: a thread from the one that started it, while an attempt runs; at its end the container's own code
 * says it as well (entry.mjs), by functions that were taken before any agent ran. Guarantees: at most one reading is under way, so that a thread
 * inside a native call (which answers no reading) costs one pending promise; a reading never delays an attempt by more
 * than `FINAL_READING_MS`; an attempt shorter than `sampleMs` is read once, at its end.
 */
export interface Reading {
  /** V8's heap; of a container that is a process, all of its memory. */
  readonly heapMb: number;
  readonly externalMb: number;
  /** Since the container started. */
  readonly cpuMs: number;
}

/** Hears each reading of an attempt, and what the attempt used of the CPU so far; may ask for the next one sooner, in ms. */
export type OnReading = (reading: Reading, cpuMs: number) => number | undefined;

const FINAL_READING_MS = 100;
/** Of the CPU: below it a container waits. */
const IDLE_SHARE = 0.02;
/** What is told is read by people: no clock here is finer than a microsecond, no memory is told apart below a kilobyte. */
const MICRO_DIGITS = 3;
/** A megabyte held for a millisecond is a millionth of a GB-s. */
const GB_SECONDS_DIGITS = 9;

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

export class UsageMeter {
  readonly #source: () => Promise<Reading>;
  readonly #sampleMs: number;
  readonly #maxSampleMs: number;
  readonly #limitMb: number;
  #last: Reading = { heapMb: 0, externalMb: 0, cpuMs: 0 };
  #underway: Promise<Reading> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #cpuBeforeMs = 0;
  #peakHeapMb = 0;
  #peakExternalMb = 0;
  #onReading: OnReading | null = null;

  constructor(options: { read: () => Promise<Reading>; sampleMs: number; maxSampleMs?: number; limitMb: number }) {
    this.#source = options.read;
    this.#sampleMs = options.sampleMs;
    this.#maxSampleMs = options.maxSampleMs ?? options.sampleMs;
    this.#limitMb = options.limitMb;
  }

  /** The newest reading. */
  get last(): Reading {
    return this.#last;
  }

  /** An attempt begins: peaks start over, and `onReading` hears every reading until `end`. */
  begin(onReading: OnReading): void {
    this.#onReading = onReading;
    this.#cpuBeforeMs = this.#last.cpuMs;
    this.#peakHeapMb = 0;
    this.#peakExternalMb = 0;
    this.#scheduleSample(this.#sampleMs);
  }

  /** The attempt is over. */
  end(): void {
    this.#onReading = null;
    clearTimeout(this.#timer);
  }

  /** A last reading of a container that still lives, bounded. */
  async readFinally(): Promise<void> {
    clearTimeout(this.#timer);
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FINAL_READING_MS);
    });
    const reading = this.#read().then(() => void this.#judge(), () => undefined);
    await Promise.race([reading, tooLate]);
    clearTimeout(timer);
  }

  /** What the attempt used, by the readings so far. */
  usage(wallMs: number): RunUsage {
    return {
      wallMs: rounded(wallMs, MICRO_DIGITS),
      cpuMs: rounded(this.#cpuMs, MICRO_DIGITS),
      peakHeapMb: rounded(this.#peakHeapMb, MICRO_DIGITS),
      peakExternalMb: rounded(this.#peakExternalMb, MICRO_DIGITS),
      gbSeconds: rounded((this.#limitMb / 1024) * (wallMs / 1000), GB_SECONDS_DIGITS),
    };
  }

  /** One that uses no CPU cannot grow either: it is looked at less and less often. */
  #scheduleSample(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const heard = this.#onReading;
      const beforeMs = this.#last.cpuMs;
      this.#read().then(
        () => {
          // One that was answered after its attempt says nothing of the next one.
          if (heard === null || heard !== this.#onReading) return;
          const isIdle = this.#last.cpuMs - beforeMs < IDLE_SHARE * afterMs;
          this.#scheduleSample(this.#judge() ?? (isIdle ? Math.min(2 * afterMs, this.#maxSampleMs) : this.#sampleMs));
        },
        () => undefined, // the container is gone, and so is the attempt
      );
    }, afterMs);
  }

  #judge(): number | undefined {
    return this.#onReading?.(this.#last, this.#cpuMs);
  }

  get #cpuMs(): number {
    return Math.max(0, this.#last.cpuMs - this.#cpuBeforeMs);
  }

  #read(): Promise<Reading> {
    this.#underway ??= this.#measure().finally(() => {
      this.#underway = null;
    });
    return this.#underway;
  }

  async #measure(): Promise<Reading> {
    const reading = await this.#source();
    // CPU time never goes back, whoever says so.
    this.#last = { ...reading, cpuMs: Math.max(reading.cpuMs, this.#last.cpuMs) };
    this.#peakHeapMb = Math.max(this.#peakHeapMb, this.#last.heapMb);
    this.#peakExternalMb = Math.max(this.#peakExternalMb, this.#last.externalMb);
    return this.#last;
  }
}
