import type { Clock } from '@bullpen/core';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  act: (() => void) | null;
}

/**
 * Time that passes only when it is told to: from one timer to the next. Timers of one moment ring in the order in which
 * they were set, so a simulation is the same every time. Epoch and monotonic time are one.
 */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers: Timer[] = [];

  /** @param nowMs - where it begins */
  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  /** @returns what takes the timer back. */
  at(atMs: number, act: () => void): () => void {
    const timer: Timer = { atMs: Math.max(atMs, this.#nowMs), order: (this.#order += 1), act };
    push(this.#timers, timer);
    return () => { timer.act = null; };
  }

  /** Goes to the next timer and rings it. @returns false where none is due until `untilMs`: then it is `untilMs`. */
  step(untilMs: number): boolean {
    for (;;) {
      const next = this.#timers[0];
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return false;
      }
      pop(this.#timers);
      if (next.act === null) continue;
      this.#nowMs = next.atMs;
      next.act();
      return true;
    }
  }

  /** Whether another timer rings at this very moment. */
  get isBusyNow(): boolean {
    const next = this.#timers[0];
    return next !== undefined && next.atMs <= this.#nowMs;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let place = heap.push(timer) - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (!before(timer, heap[parent]!)) break;
    heap[place] = heap[parent]!;
    place = parent;
  }
  heap[place] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let place = 0;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[place] = heap[child]!;
    place = child;
  }
  heap[place] = last;
}
