import { NO_VALUE } from './duration.ts';

const MB_PER_GB = 1024;

/** `1,284`. The page is in English whatever the browser's language, so its numbers are too. */
export function formatCount(count: number | null | undefined): string {
  return count === null || count === undefined ? NO_VALUE : Math.round(count).toLocaleString('en-US');
}

/** `640 MB`, `6.4 MB`, `1.5 GB`. */
export function formatMb(mb: number | null | undefined): string {
  if (mb === null || mb === undefined) return NO_VALUE;
  if (Math.round(mb) >= MB_PER_GB) return `${trimZero((mb / MB_PER_GB).toFixed(mb >= 100 * MB_PER_GB ? 0 : 1))} GB`;
  return `${mb >= 10 ? Math.round(mb) : trimZero(mb.toFixed(1))} MB`;
}

/** A ratio of 0 to 1 as `2.4 %`; what is there but rounds to nothing is `<0.1 %`. */
export function formatRatio(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return NO_VALUE;
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${trimZero(percent.toFixed(percent < 10 ? 1 : 0))} %`;
}

/** A rate or a product of units, to three significant digits: `0.0123`, `21.4`, `1,280`. */
export function formatDecimal(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: value >= 1000 ? 4 : 3 });
}

/** `1 run`, `2 runs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and 7 more`: the first few of a list that may be long. */
export function someOf(names: readonly string[], atMost = 3): string {
  if (names.length > atMost) return `${names.slice(0, atMost - 1).join(', ')} and ${formatCount(names.length - atMost + 1)} more`;
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

function trimZero(text: string): string {
  return text.replace(/\.0$/, '');
}
