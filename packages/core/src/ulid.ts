/** The digits of a ULID: no i, l, o, u. Source: https://www.crockford.com/base32.html */
export const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

const TIME_DIGITS = 10;
/** The 80 random bits in two halves, since a number holds 53: eight digits each. */
const HALF_DIGITS = 8;
const HALF_BYTES = 5;
const HALF = 2 ** 40;

/** Random bytes are asked for many at once: asking costs far more than the bytes do. */
const POOL_BYTES = HALF_BYTES * 2 * 128;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

let lastMs = -1;
let timeDigits = '';
let high = 0;
let low = 0;

/**
 * 48 bits of time and 80 random ones, in lower case. Monotonic within this process: in one millisecond, and while the clock stands
 * back, each is the one before plus one. Source: https://github.com/ulid/spec
 */
export function nextUlid(nowMs: number): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    timeDigits = digitsOf(nowMs, TIME_DIGITS);
    high = randomHalf();
    low = randomHalf();
  } else {
    low += 1;
    if (low === HALF) {
      low = 0;
      // Beyond the last of 2^80 the spec has a generator fail; what starts that near to it has other worries.
      high = (high + 1) % HALF;
    }
  }
  return timeDigits + digitsOf(high, HALF_DIGITS) + digitsOf(low, HALF_DIGITS);
}

function digitsOf(value: number, digits: number): string {
  let text = '';
  let rest = value;
  for (let i = 0; i < digits; i += 1) {
    text = CROCKFORD[rest % 32]! + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function randomHalf(): number {
  if (used === POOL_BYTES) {
    globalThis.crypto.getRandomValues(pool);
    used = 0;
  }
  let value = 0;
  for (const end = used + HALF_BYTES; used < end; used += 1) value = value * 256 + pool[used]!;
  return value;
}
