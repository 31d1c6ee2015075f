import type { LearnedOf } from './reserve-learner.ts';

/** Memory and a slot, held for one attempt. */
export interface Admission {
  readonly orgId: string;
  /** The limit. */
  readonly memoryMb: number;
  /** What is held of the pool for it: what its version is known to need, at most the limit. */
  readonly reserveMb: number;
  /** Gives both back, once; `execute` does it by itself. */
  release(): void;
}

/** Whose run asks; where it is not known, a run reserves its whole limit. */
export type AdmittedAgent = Pick<LearnedOf, 'agent' | 'version'>;

/** `waiting` until it is executed or released. */
export class Ticket implements Admission {
  readonly orgId: string;
  readonly memoryMb: number;
  readonly reserveMb: number;
  state: 'waiting' | 'executing' | 'released' = 'waiting';
  readonly #onRelease: (ticket: Ticket) => void;

  constructor(sizes: { orgId: string; memoryMb: number; reserveMb: number }, onRelease: (ticket: Ticket) => void) {
    this.orgId = sizes.orgId;
    this.memoryMb = sizes.memoryMb;
    this.reserveMb = sizes.reserveMb;
    this.#onRelease = onRelease;
  }

  release(): void {
    if (this.state === 'waiting') this.#onRelease(this);
  }
}
