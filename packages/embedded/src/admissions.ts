import { BullpenError } from '@bullpen/core';
import type { Admission, AgentRuntimeManager } from '@bullpen/runtime';

interface Waiting {
  readonly orgId: string;
  readonly memoryMb: number;
  readonly admitted: (admission: Admission) => void;
}

/** A pool also gains room by itself, when idle containers end: then nobody tells. */
const LOOK_EVERY_MS = 100;

/** Attempts in the order in which they asked for room; one that an organization's pool has no room for holds up no other organization. */
export class Admissions {
  readonly #manager: AgentRuntimeManager;
  readonly #mostWaiting: number;
  #waiting: Waiting[] = [];

  constructor(manager: AgentRuntimeManager, mostWaiting: number) {
    this.#manager = manager;
    this.#mostWaiting = mostWaiting;
  }

  /** Null where the signal was aborted first. @throws BullpenError MEMORY_POOL_EXHAUSTED where too many wait already */
  async next(orgId: string, memoryMb: number, signal: AbortSignal): Promise<Admission | null> {
    const isFirst = this.#waiting.every((one) => one.orgId !== orgId);
    const now = isFirst ? this.#manager.admit(orgId, memoryMb) : null;
    if (now !== null) return now;
    if (this.#waiting.length >= this.#mostWaiting) throw new BullpenError('MEMORY_POOL_EXHAUSTED', `${this.#waiting.length} runs wait for room already`, { orgId });
    const { promise, resolve } = Promise.withResolvers<Admission | null>();
    const waiting = { orgId, memoryMb, admitted: resolve };
    const leave = (): void => {
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
      resolve(null);
    };
    this.#waiting.push(waiting);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    const looking = setInterval(() => this.admitWaiting(), LOOK_EVERY_MS);
    return promise.finally(() => {
      clearInterval(looking);
      signal.removeEventListener('abort', leave);
    });
  }

  /** To be called when an attempt has ended. */
  admitWaiting(): void {
    const full = new Set<string>();
    this.#waiting = this.#waiting.filter((one) => {
      if (full.has(one.orgId)) return true;
      const admission = this.#manager.admit(one.orgId, one.memoryMb);
      if (admission === null) full.add(one.orgId);
      else one.admitted(admission);
      return admission === null;
    });
  }
}
