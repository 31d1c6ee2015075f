import { BullpenError } from '@bullpen/core';

interface Kept<T> {
  readonly body: string;
  readonly answer: Promise<T>;
}

/** The oldest is forgotten. */
const MOST_KEPT = 10_000;

/** One execution for each idempotency key: who asks again is given the first one's answer. What fails frees its key. */
export class OncePerKey<T> {
  readonly #kept = new Map<string, Kept<T>>();

  /** @param body - tells the same request from another one. @throws BullpenError IDEMPOTENCY_KEY_REUSED */
  run(key: string, body: string, act: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(key);
    if (known !== undefined && known.body !== body) throw new BullpenError('IDEMPOTENCY_KEY_REUSED', 'the idempotency key was used before with a different request');
    if (known !== undefined) return known.answer;
    const answer = act();
    this.#kept.set(key, { body, answer });
    answer.catch(() => this.#kept.delete(key));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return answer;
  }
}
