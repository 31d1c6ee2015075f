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

/** Added to a bin where it is packed, so that it is positive: bins lie between -1000 and about 2700. */
const BIN_OFFSET = 1000;
const COUNT_RANGE = 2 ** 32;

/** As it is stored: `(bin + 1000) * 2^32 + count`, in the order of the bins. Counts are below 2^32, so each number is exact. */
export function packHistogram(histogram: Histogram): number[] {
  const bins = [...histogram.keys()].sort((a, b) => a - b);
  return bins.map((bin) => (Math.max(0, bin + BIN_OFFSET)) * COUNT_RANGE + Math.min(COUNT_RANGE - 1, histogram.get(bin) ?? 0));
}

/** More bins than there are: 1.02^3000 microseconds are longer than the universe is old. */
const MOST_BINS = 4096;
const COMMA = 44;
const COLON = 58;
const OPENING_BRACE = 123;
const ZERO = 48;
const NINE = 57;

/**
 * Adds up many stored histograms in one array, for one group after the other. Not a `Map`: a month of a thousand organizations
 * is a million entries.
 */
export class HistogramSum {
  readonly #counts = new Float64Array(MOST_BINS);
  #lowest = MOST_BINS;
  #highest = -1;
  #total = 0;

  /** Adds a stored histogram, as an array (`{n,n,...}`) or as text (`gap:count,...`). @param sign - -1: takes it away again */
  addStored(text: string, sign: 1 | -1 = 1): void {
    if (text.charCodeAt(0) === OPENING_BRACE) this.#addArray(text, sign);
    else this.#addText(text, sign);
  }

  #addText(text: string, sign: 1 | -1): void {
    let index = 0;
    let number = 0;
    let hasCount = false;
    // One beyond the end: what ends the text ends its last entry.
    for (let place = 0; place <= text.length && text.length > 0; place += 1) {
      const char = place === text.length ? COMMA : text.charCodeAt(place);
      if (char === COMMA) {
        if (!hasCount) index += number;
        this.#addCount(index, sign * (hasCount ? number : 1));
        number = 0;
        hasCount = false;
      } else if (char === COLON) {
        index += number;
        number = 0;
        hasCount = true;
      } else {
        number = number * 10 + char - ZERO;
      }
    }
  }

  #addArray(text: string, sign: 1 | -1): void {
    let entry = 0;
    for (let index = 1; index < text.length; index += 1) {
      const char = text.charCodeAt(index);
      if (char >= ZERO && char <= NINE) {
        entry = entry * 10 + char - ZERO;
      } else if (entry > 0) {
        this.#add(entry, sign);
        entry = 0;
      }
      if (char !== COMMA && (char < ZERO || char > NINE)) break;
    }
  }

  /** As `quantile` of one histogram. */
  quantile(q: number): number | null {
    if (this.#total === 0) return null;
    let left = Math.max(1, Math.ceil(q * this.#total));
    for (let index = this.#lowest; index <= this.#highest; index += 1) {
      left -= this.#counts[index] ?? 0;
      if (left <= 0) return valueOfBin(index - BIN_OFFSET);
    }
    return null;
  }

  clear(): void {
    this.#counts.fill(0, this.#lowest === MOST_BINS ? 0 : this.#lowest, this.#highest + 1);
    this.#lowest = MOST_BINS;
    this.#highest = -1;
    this.#total = 0;
  }

  #add(entry: number, sign: 1 | -1): void {
    const index = Math.floor(entry / COUNT_RANGE);
    this.#addCount(index, sign * (entry - index * COUNT_RANGE));
  }

  #addCount(index: number, count: number): void {
    if (index >= MOST_BINS) return;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#total += count;
    if (index < this.#lowest) this.#lowest = index;
    if (index > this.#highest) this.#highest = index;
  }
}
