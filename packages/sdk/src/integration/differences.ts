/** Where two results are not the same. */
export interface Difference {
  /** `result.items.0.price`, `state`, `error.code`. */
  readonly path: string;
  readonly existing: unknown;
  readonly runtime: unknown;
}

const MOST_DIFFERENCES = 20;

/**
 * Compares JSON with JSON; numbers may differ by a rounding error, the order of keys does not matter.
 * @param ignore - paths that are not looked at, with all below them; `*` stands for one step
 */
export function differencesOf(existing: unknown, runtime: unknown, at: string, ignore: readonly string[] = []): Difference[] {
  const found: Difference[] = [];
  const patterns = ignore.map((path) => path.split('.'));
  const isIgnored = (path: string): boolean => {
    const steps = path.split('.');
    return patterns.some((pattern) => pattern.length === steps.length && pattern.every((step, i) => step === '*' || step === steps[i]));
  };
  const walk = (one: unknown, other: unknown, path: string): void => {
    if (found.length >= MOST_DIFFERENCES || isIgnored(path) || isSame(one, other)) return;
    if (isContainer(one) && isContainer(other) && Array.isArray(one) === Array.isArray(other)) {
      for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) walk(one[key], other[key], `${path}.${key}`);
    } else found.push({ path, existing: one, runtime: other });
  };
  walk(existing, runtime, at);
  return found;
}

function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'number' || typeof other !== 'number') return one === other;
  return one === other || Math.abs(one - other) <= Number.EPSILON * Math.max(Math.abs(one), Math.abs(other));
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
