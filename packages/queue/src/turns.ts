import type { Clock } from '@bullpen/core';

import type { Dispatch, RunEnd, TurnResult } from './dispatch.ts';
import { RETRY_FOR_MS, isUnavailable, pause, unavailable, within } from './unavailable.ts';

/** Turns under way at once: while the server is at one, the next one is gathered, and a third waits. */
const MAX_UNDER_WAY = 2;
const MAX_ENDS = 256;
const RETRY_EVERY_MS = 100;

interface WaitingEnd {
  readonly end: RunEnd;
  readonly giveUpAtMs: number;
  resolve(held: boolean): void;
  reject(thrown: unknown): void;
}

interface WaitingTake {
  readonly max: number;
  readonly full: readonly string[];
  resolve(result: TurnResult): void;
  reject(thrown: unknown): void;
}

/**
 * Gathers what ends and what is asked for into turns: whatever comes within one turn of the event loop, and whatever comes
 * while turns are under way, goes together. Alone a call goes out at once. The end of a run is tried for about 5 s while
 * the server is away; a take is not, since who takes comes back anyway.
 */
export class Turns {
  readonly #dispatch: Pick<Dispatch, 'turn'>;
  readonly #clock: Clock;
  readonly #takes: WaitingTake[] = [];
  #ends: WaitingEnd[] = [];
  #underWay = 0;
  #isGathering = false;
  #idle: PromiseWithResolvers<void> | null = null;

  constructor(deps: { dispatch: Pick<Dispatch, 'turn'>; clock: Clock }) {
    this.#dispatch = deps.dispatch;
    this.#clock = deps.clock;
  }

  /** @returns whether the caller held the run. @throws BullpenError SERVICE_UNAVAILABLE */
  end(end: RunEnd): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#ends.push({ end, giveUpAtMs: this.#clock.monotonicMs() + RETRY_FOR_MS, resolve, reject });
      this.#gather();
    });
  }

  /** One turn that takes. Rejects where the server could not be asked. */
  take(max: number, full: readonly string[]): Promise<TurnResult> {
    return new Promise((resolve, reject) => {
      this.#takes.push({ max, full, resolve, reject });
      this.#gather();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  async settled(): Promise<void> {
    if (this.#underWay === 0 && this.#ends.length === 0 && this.#takes.length === 0) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  #gather(): void {
    if (this.#isGathering || this.#underWay >= MAX_UNDER_WAY) return;
    this.#isGathering = true;
    // After the promises that can settle now: what follows from them goes along.
    process.nextTick(() => {
      this.#isGathering = false;
      void this.#play();
      if (this.#takes.length > 0 || this.#ends.length > 0) this.#gather();
    });
  }

  async #play(): Promise<void> {
    const take = this.#takes.shift();
    const ends = this.#ends.splice(0, MAX_ENDS);
    if (take === undefined && ends.length === 0) return;
    this.#underWay += 1;
    try {
      const request = { ends: ends.map(({ end }) => end), max: take?.max ?? 0, full: take?.full ?? [] };
      const result = await within(RETRY_FOR_MS, 'turn', () => this.#dispatch.turn(request));
      ends.forEach(({ resolve }, place) => resolve(!result.lost.has(place)));
      take?.resolve(result);
    } catch (thrown) {
      take?.reject(thrown);
      this.#comeBack(ends, thrown);
    } finally {
      this.#underWay -= 1;
      if (this.#ends.length > 0 || this.#takes.length > 0) this.#gather();
      else if (this.#underWay === 0) this.#rest();
    }
  }

  #comeBack(ends: readonly WaitingEnd[], thrown: unknown): void {
    const mayRetry = isUnavailable(thrown);
    const again = ends.filter(({ giveUpAtMs }) => mayRetry && this.#clock.monotonicMs() + RETRY_EVERY_MS < giveUpAtMs);
    for (const end of ends) if (!again.includes(end)) end.reject(mayRetry ? unavailable('complete', thrown) : thrown);
    if (again.length === 0) return;
    this.#underWay += 1; // Not settled while these wait.
    void pause(RETRY_EVERY_MS).then(() => {
      this.#underWay -= 1;
      this.#ends = [...again, ...this.#ends];
      this.#gather();
    });
  }

  #rest(): void {
    this.#idle?.resolve();
    this.#idle = null;
  }
}
