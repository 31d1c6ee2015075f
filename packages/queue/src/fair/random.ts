/** A reproducible source of numbers: the same seed gives the same sequence on every machine. */
export type Random = () => number;

/** Numbers in [0, 1) by mulberry32 (Tommy Ettinger, public domain): 32 bits of state, plenty for a simulation. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The time to the next event of a Poisson process whose events are `meanMs` apart. */
export function exponentialMs(random: Random, meanMs: number): number {
  return -Math.log(1 - random()) * meanMs;
}
