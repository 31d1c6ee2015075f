import type { Clock } from '@bullpen/core';

export interface RememberedOptions<T> {
  clock: Clock;
  /** How old an answer may be, unless `read` says less of one. */
  rememberMs: number;
  /** Null: it is not there, and that is not remembered. */
  read(key: string): Promise<Found<T> | null>;
}

export interface Found<T> {
  readonly value: T;
  /** It is not to be remembered for longer. */
  readonly livesMs?: number;
}

const MAX_REMEMBERED = 10_000;

/**
 * What Postgres said, for a while. What everybody asks for is read once when its time is over: those who ask while it is being
 * read share the answer. After `forget` nobody is given what was read before it, nor what is under way.
 */
export class Remembered<T> {
  readonly #options: RememberedOptions<T>;
  readonly #kept = new Map<string, { value: T; untilMs: number }>();
  readonly #underWay = new Map<string, Promise<T | null>>();

  constructor(options: RememberedOptions<T>) {
    this.#options = options;
  }

  async get(key: string): Promise<T | null> {
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.untilMs > this.#options.clock.monotonicMs()) return kept.value;
    return this.#underWay.get(key) ?? this.#read(key);
  }

  /** Reads again what it is asked for next, where `isMeant`. */
  forget(isMeant: (value: T) => boolean): void {
    for (const [key, { value }] of this.#kept) if (isMeant(value)) this.#kept.delete(key);
    // What they will find is not known yet.
    this.#underWay.clear();
  }

  #read(key: string): Promise<T | null> {
    const reading = this.#options.read(key).then((found) => {
      if (found !== null && this.#underWay.get(key) === reading) this.#keep(key, found);
      return found === null ? null : found.value;
    }).finally(() => {
      if (this.#underWay.get(key) === reading) this.#underWay.delete(key);
    });
    this.#underWay.set(key, reading);
    return reading;
  }

  #keep(key: string, { value, livesMs = Infinity }: Found<T>): void {
    const { clock, rememberMs } = this.#options;
    if (this.#kept.size >= MAX_REMEMBERED) this.#kept.clear();
    this.#kept.set(key, { value, untilMs: clock.monotonicMs() + Math.min(rememberMs, livesMs) });
  }
}
