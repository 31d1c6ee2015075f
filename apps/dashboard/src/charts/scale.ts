const MINUTE_MS = 60_000;
/** Distances between time labels that people read easily. */
const TIME_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440].map((minutes) => minutes * MINUTE_MS);

/**
 * Ticks for an axis of counts: from 0 in steps of 1, 2 or 5 times a power of ten, whole numbers, the last one at or
 * above `max`. At most `atMost` steps.
 */
export function countTicks(max: number, atMost = 4): number[] {
  const top = Math.max(1, Math.ceil(max));
  const rough = top / atMost;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * magnitude >= rough - 1e-9) ?? 10;
  const step = Math.max(1, Math.round(factor * magnitude));
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
}

/** A linear scale from a domain to a range; a domain without extent maps to the start of the range. */
export function linearScale(domain: readonly [number, number], range: readonly [number, number]): (value: number) => number {
  const [from, to] = domain;
  const [start, end] = range;
  if (to === from) return () => start;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/** Round local times within [fromMs, toMs], at most `atMost` of them. `offsetMs` is local time minus UTC. */
export function timeTicks(fromMs: number, toMs: number, atMost: number, offsetMs: number): number[] {
  const stepMs = TIME_STEPS_MS.find((candidate) => (toMs - fromMs) / candidate <= atMost) ?? 1440 * MINUTE_MS;
  const first = Math.ceil((fromMs + offsetMs) / stepMs) * stepMs - offsetMs;
  const ticks: number[] = [];
  for (let atMs = first; atMs <= toMs; atMs += stepMs) ticks.push(atMs);
  return ticks;
}
