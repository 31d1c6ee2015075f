/** Statistics of the numbers of one column. */
export interface NumberStatistics {
  min: number;
  q1: number;
  median: number;
  q3: number;
  max: number;
  mean: number;
  /** Of the sample (n - 1); 0 for a single value. */
  sd: number;
}

/** A number that lies beyond 1.5 interquartile ranges of the middle half, with the data row that holds it. */
export interface Outlier {
  row: number;
  value: number;
}

/** @param values - at least one, all finite */
export function describeNumbers(values: readonly number[]): NumberStatistics {
  const sorted = Float64Array.from(values).sort();
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    min: sorted[0]!,
    q1: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    q3: quantile(sorted, 0.75),
    max: sorted[sorted.length - 1]!,
    mean,
    sd: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0,
  };
}

/**
 * Linear interpolation between the closest ranks: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages"
 * (1996), the default of R and NumPy.
 */
export function quantile(sorted: Float64Array, q: number): number {
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)]!;
  const above = sorted[Math.ceil(position)]!;
  return below + (above - below) * (position - Math.floor(position));
}

/** Tukey's fences. Farthest from the median first. */
export function findOutliers(numbers: readonly Outlier[], { q1, q3, median }: NumberStatistics): Outlier[] {
  const reach = 1.5 * (q3 - q1);
  return numbers
    .filter(({ value }) => value < q1 - reach || value > q3 + reach)
    .sort((a, b) => Math.abs(b.value - median) - Math.abs(a.value - median));
}
