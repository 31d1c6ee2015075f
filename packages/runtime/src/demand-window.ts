/**
 * How many containers of a kind were in use at once lately: the highest number within the last `WINDOW_MS`, kept in
 * steps, so that a burst is remembered for a while and then let go of. Guarantees: `expected` is never below what is in
 * use now; a kind that was not used for the whole window is forgotten.
 */

/** Remembered in `STEPS` steps. */
export const WINDOW_MS = 60_000;
const STEPS = 6;
const STEP_MS = WINDOW_MS / STEPS;

interface Use {
  now: number;
  /** Highest of each step, newest last, up to the step numbered `step`. */
  highest: number[];
  step: number;
}

export class DemandWindow<Kind> {
  readonly #nowMs: () => number;
  readonly #uses = new Map<Kind, Use>();

  /** @param nowMs - monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  begin(kind: Kind): void {
    const use = this.#current(kind);
    use.now += 1;
    use.highest[STEPS - 1] = Math.max(use.highest[STEPS - 1] ?? 0, use.now);
  }

  end(kind: Kind): void {
    const use = this.#current(kind);
    use.now = Math.max(0, use.now - 1);
  }

  /** The most of this kind that were in use at once within the window. */
  expected(kind: Kind): number {
    return this.#uses.has(kind) ? Math.max(...this.#current(kind).highest) : 0;
  }

  inUse(kind: Kind): number {
    return this.#uses.get(kind)?.now ?? 0;
  }

  /** Kinds that were used within the window, the most used first. */
  kinds(): Kind[] {
    for (const kind of [...this.#uses.keys()]) if (this.expected(kind) === 0) this.#uses.delete(kind);
    return [...this.#uses.keys()].sort((a, b) => this.expected(b) - this.expected(a));
  }

  /** With the steps that have passed since it was last looked at: in them, as much was used as is now. */
  #current(kind: Kind): Use {
    const step = Math.floor(this.#nowMs() / STEP_MS);
    const use = this.#uses.get(kind) ?? { now: 0, highest: Array.from({ length: STEPS }, () => 0), step };
    this.#uses.set(kind, use);
    for (let passed = Math.min(STEPS, step - use.step); passed > 0; passed -= 1) use.highest = [...use.highest.slice(1), use.now];
    use.step = step;
    return use;
  }
}
