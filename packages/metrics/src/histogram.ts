/**
 * Histograms with logarithmic bins: percentiles with a known relative error, that merge by adding counts.
 *
 * Bin `i` holds the values in (g^(i-1), g^i] with g = (1 + e) / (1 - e), and stands for 2 g^i / (g + 1), the point whose
 * relative distance to both ends is e. So a quantile is off by at most e = 1 % of the exact one (by nearest rank),
 * however many histograms were merged. Values below 0.001 (a microsecond, where values are milliseconds) count as 0.
 * Source: Masson, Rim, Lee: DDSketch, VLDB 2019, https://arxiv.org/abs/1908.10693 (its mapping; no bins are collapsed).
 */
export type Histogram = Map<number, number>;

/** At most this share of the exact value. */
export const RELATIVE_ERROR = 0.01;

/** Holds what is too small to matter; below every other bin. */
export const ZERO_BIN = -1000;

const SMALLEST_VALUE = 0.001;
const GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GROWTH = Math.log(GROWTH);

export function binOf(value: number): number {
  return value < SMALLEST_VALUE ? ZERO_BIN : Math.ceil(Math.log(value) / LOG_GROWTH);
}

/** The value that stands for all of a bin. */
export function valueOfBin(bin: number): number {
  return bin === ZERO_BIN ? 0 : (2 * GROWTH ** bin) / (GROWTH + 1);
}

export function addValue(histogram: Histogram, value: number): void {
  addCount(histogram, binOf(value), 1);
}

export function addCount(histogram: Histogram, bin: number, count: number): void {
  histogram.set(bin, (histogram.get(bin) ?? 0) + count);
}

/**
 * The value below or at which a share `q` of all values lies, by nearest rank: the ceil(q n)-th smallest.
 * @param q - in (0, 1].
 * @returns null where the histogram is empty.
 */
export function quantile(histogram: Histogram, q: number): number | null {
  const bins = [...histogram].sort(([a], [b]) => a - b);
  const total = bins.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.max(1, Math.ceil(q * total));
  for (const [bin, count] of bins) {
    left -= count;
    if (left <= 0) return valueOfBin(bin);
  }
  return null;
}
