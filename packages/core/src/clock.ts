/** Time comes in as a dependency, so that a test can hold it still. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch: for what is stored and shown. */
  nowMs(): number;
  /** Monotonic milliseconds: for durations and deadlines; never goes back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
