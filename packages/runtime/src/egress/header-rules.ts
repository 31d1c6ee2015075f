import { validateHeaderName, validateHeaderValue } from 'node:http';

import { BullpenError } from '@bullpen/core';

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Of one connection, not of the request (RFC 9110, 7.6.1); `host` is the URL's to say. */
const HOP_BY_HOP = new Set([
  'connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'expect', 'host',
]);
/** An origin's own: they do not follow a redirect to another one (fetch standard, HTTP-redirect fetch, step 13). */
const OF_ONE_ORIGIN = new Set(['authorization', 'cookie', 'cookie2']);
const OF_A_BODY = new Set(['content-encoding', 'content-language', 'content-length', 'content-location', 'content-type']);

/** What may be passed on: names in lower case, without what belongs to the connection. */
export function endToEnd(headers: HeaderPairs): [string, string][] {
  const listed = new Set(headers.filter(([name]) => name.toLowerCase() === 'connection').flatMap(([, value]) => value.toLowerCase().split(',').map((name) => name.trim())));
  return headers.map(([name, value]): [string, string] => [name.toLowerCase(), value]).filter(([name]) => !HOP_BY_HOP.has(name) && !listed.has(name));
}

export function withoutBodyHeaders(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !OF_A_BODY.has(name.toLowerCase()));
}

export function withoutOriginHeaders(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !OF_ONE_ORIGIN.has(name.toLowerCase()));
}

/** Refuses what could end a header and begin another. The value is not told: it may be a secret. @throws CALL_REFUSED */
export function checkHeaders(headers: HeaderPairs): void {
  for (const [name, value] of headers) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw new BullpenError('CALL_REFUSED', `the header ${JSON.stringify(name.slice(0, 64))} has a name or a value that HTTP does not allow`);
    }
  }
}

/** The pairs of a message's `rawHeaders`. */
export function pairsOf(rawHeaders: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '']);
  return pairs;
}

/** Node's own form, which keeps a header that comes twice. */
export function toOutgoing(headers: HeaderPairs): Record<string, string | string[]> {
  // A header may be called `constructor` or `__proto__`.
  const outgoing = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const values = outgoing.get(name);
    if (values === undefined) outgoing.set(name, [value]);
    else values.push(value);
  }
  return Object.fromEntries([...outgoing].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]));
}

/** Bytes that they take on the wire. */
export function headBytes(headers: HeaderPairs): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 32);
}
