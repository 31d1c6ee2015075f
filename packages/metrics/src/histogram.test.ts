import { describe, expect, it } from '@jest/globals';

import { HistogramSum, RELATIVE_ERROR, ZERO_BIN, addCount, addValue, binOf, packHistogram, quantile, valueOfBin, type Histogram } from './histogram.ts';

/** Rounding of the logarithm may move a value that lies on the edge of a bin. */
const ALLOWED = RELATIVE_ERROR + 1e-9;

/** A fixed sequence of numbers in [0, 1). Source: Numerical Recipes' linear congruential generator. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram: Histogram = new Map();
  for (const value of values) addValue(histogram, value);
  return histogram;
}

function exactQuantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1] ?? Number.NaN;
}

const random = sequence(7);
const distributions: [string, number[]][] = [
  ['even', Array.from({ length: 10_000 }, () => 1 + random() * 1000)],
  ['exponential', Array.from({ length: 10_000 }, () => -Math.log(1 - random()) * 40)],
  ['heavy-tailed', Array.from({ length: 10_000 }, () => 0.05 / (1 - random()) ** 1.5)],
  ['two humps', Array.from({ length: 10_000 }, () => (random() < 0.9 ? 2 + random() : 30_000 + random() * 100))],
  ['one value', Array.from({ length: 10 }, () => 86_400_000)],
  ['a single one', [0.0171]],
];

describe('a quantile of a histogram', () => {
  it.each(distributions)('is within 1 %% of the exact one: %s', (_, values) => {
    const histogram = histogramOf(values);
    for (const q of [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1]) {
      const exact = exactQuantile(values, q);
      expect(Math.abs((quantile(histogram, q) ?? Infinity) - exact) / exact).toBeLessThanOrEqual(ALLOWED);
    }
  });

  it('is the same whether histograms were merged or made whole', () => {
    const [, values] = distributions[1] as [string, number[]];
    const merged = histogramOf(values.slice(0, 3000));
    for (const [bin, count] of histogramOf(values.slice(3000))) addCount(merged, bin, count);
    expect(new Map([...merged].sort())).toEqual(new Map([...histogramOf(values)].sort()));
  });

  it('is null where nothing was counted', () => {
    expect(quantile(new Map(), 0.5)).toBeNull();
  });

  it('is zero for what took no time', () => {
    expect(quantile(histogramOf([0, 0, 0.0001, 5]), 0.5)).toBe(0);
  });
});

describe('a bin', () => {
  it('stands for every value in it within 1 %, from a microsecond to a year', () => {
    for (let value = 0.001; value < 3.2e10; value *= 1.0137) {
      expect(Math.abs(valueOfBin(binOf(value)) - value) / value).toBeLessThanOrEqual(ALLOWED);
    }
  });

  it('of nothing lies below every other', () => {
    expect(binOf(0)).toBe(ZERO_BIN);
    expect(binOf(0.001)).toBeGreaterThan(ZERO_BIN);
    expect(valueOfBin(ZERO_BIN)).toBe(0);
  });
});

describe('stored histograms', () => {
  const stored = (values: readonly number[]) => `{${packHistogram(histogramOf(values)).join(',')}}`;

  it.each(distributions)('add up to the quantiles of all values: %s', (_, values) => {
    const sum = new HistogramSum();
    sum.addStored(stored([1, 2, 3]));
    sum.clear();
    expect(sum.quantile(0.5)).toBeNull();
    for (let from = 0; from < values.length; from += 997) sum.addStored(stored(values.slice(from, from + 997)));
    sum.addStored('{}');
    for (const q of [0.01, 0.5, 0.9, 0.95, 0.99, 1]) expect(sum.quantile(q)).toBe(quantile(histogramOf(values), q));
  });

  it('are the same as text, and can be taken away again', () => {
    const values = [0, 0.5, 0.5, 3, 700, 700, 700];
    const packed = packHistogram(histogramOf(values));
    const text = packed.map((entry, place) => {
      const bin = Math.floor(entry / 2 ** 32);
      const count = entry % 2 ** 32;
      return `${bin - Math.floor((packed[place - 1] ?? 0) / 2 ** 32)}${count === 1 ? '' : `:${count}`}`;
    }).join(',');
    const sum = new HistogramSum();
    sum.addStored(text);
    sum.addStored('');
    for (const q of [0.1, 0.3, 0.5, 0.9, 1]) expect(sum.quantile(q)).toBe(quantile(histogramOf(values), q));
    sum.addStored(stored([5, 5]));
    sum.addStored(text, -1);
    expect(sum.quantile(0.5)).toBe(valueOfBin(binOf(5)));
  });

  it('hold what took no time, and counts as large as a day makes them', () => {
    const sum = new HistogramSum();
    sum.addStored(`{${packHistogram(new Map([[ZERO_BIN, 4_000_000_000], [binOf(7), 1]])).join(',')}}`);
    expect(sum.quantile(0.99)).toBe(0);
    expect(sum.quantile(1)).toBe(valueOfBin(binOf(7)));
  });
});
