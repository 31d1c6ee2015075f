import { monotonicFactory } from 'ulid';

/**
 * Sortable ids: a prefix that says what it is, and a ULID (48 bits of time, 80 random, monotonic within this
 * process). Source: https://github.com/ulid/spec
 */
export const ID_PREFIXES = {
  run: 'run', version: 'ver', key: 'key', worker: 'wkr', api: 'api', container: 'ctr', request: 'req', schedule: 'sch', audit: 'aud',
  alertRule: 'alr', alert: 'alt', silence: 'sil', delivery: 'dlv', webhook: 'whk', event: 'evt', trigger: 'trg', signingSecret: 'sgn',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const nextUlid = monotonicFactory(randomFractions());

/** Random numbers from 0 up to 1 in steps of 1/256, as many as a ULID needs from one call of the system's: its own asks once for each letter. */
function randomFractions(): () => number {
  const bytes = new Uint8Array(1024);
  let at = bytes.length;
  return () => {
    if (at === bytes.length) {
      crypto.getRandomValues(bytes);
      at = 0;
    }
    at += 1;
    return (bytes[at - 1] ?? 0) / 256;
  };
}

/** @example newId('run') // 'run_01jd3v...' */
export function newId(kind: IdKind): string {
  return `${ID_PREFIXES[kind]}_${nextUlid().toLowerCase()}`;
}

const ulidPattern = '[0-7][0-9a-hjkmnp-tv-z]{25}';

export function isId(kind: IdKind, value: string): boolean {
  return new RegExp(`^${ID_PREFIXES[kind]}_${ulidPattern}$`).test(value);
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** When an id was made, ms since the epoch, by the clock of who made it; null where it is none of ours. */
export function timeOfId(kind: IdKind, value: string): number | null {
  if (!isId(kind, value)) return null;
  const digits = value.slice(ID_PREFIXES[kind].length + 1).slice(0, 10);
  return [...digits].reduce((ms, digit) => ms * 32 + CROCKFORD.indexOf(digit), 0);
}

/** Organization and agent names: lower case, digits, dashes; they become queue names and paths. */
export const SLUG_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
