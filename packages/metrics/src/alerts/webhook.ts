import { createHmac, randomBytes } from 'node:crypto';
import { lookup as resolve, type LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Tells a webhook, signed as the Standard Webhooks specification says: the receiver checks `v1,` and base64 of HMAC-SHA256 over
 * `id.timestamp.body` with the secret's bytes. Source: https://github.com/standard-webhooks/standard-webhooks (spec, 1.0)
 *
 * The address comes from a tenant, so that only the outside is reached: each address the name resolves to is looked at when the
 * connection is made, and private, loopback, link-local and other special ones are refused.
 */
export interface WebhookMessage {
  id: string;
  body: string;
  secret: string;
  url: string;
  /** Seconds since the epoch. */
  timestampS: number;
}

export interface WebhookOptions {
  /** For a system whose receivers are in its own network. */
  allowPrivateAddresses: boolean;
  timeoutMs?: number;
}

const SECRET_PREFIX = 'whsec_';
const DEFAULT_TIMEOUT_MS = 10_000;

export function newWebhookSecret(): string {
  return SECRET_PREFIX + randomBytes(24).toString('base64');
}

export function signWebhook({ id, timestampS, body, secret }: Pick<WebhookMessage, 'id' | 'timestampS' | 'body' | 'secret'>): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestampS}.${body}`).digest('base64')}`;
}

/** Resolves when it was answered with a 2xx. Redirects are not followed. @throws Error, saying why it was not */
export async function sendWebhook(message: WebhookMessage, { allowPrivateAddresses, timeoutMs = DEFAULT_TIMEOUT_MS }: WebhookOptions): Promise<void> {
  const url = new URL(message.url);
  const bare = url.hostname.replace(/^\[|\]$/g, '');
  // A literal address is not looked up.
  if (!allowPrivateAddresses && isIP(bare) !== 0 && isSpecial(bare)) throw new Error(`${bare} is not an address outside`);
  const status = await post(url, message, allowPrivateAddresses ? undefined : lookupOutside, timeoutMs);
  if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
}

function post(url: URL, message: WebhookMessage, lookup: LookupFunction | undefined, timeoutMs: number): Promise<number> {
  const headers = {
    'content-type': 'application/json', 'content-length': Buffer.byteLength(message.body), 'user-agent': 'bullpen-webhooks',
    'webhook-id': message.id, 'webhook-timestamp': String(message.timestampS), 'webhook-signature': signWebhook(message),
  };
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((fulfil, reject) => {
    const sent = request(url, { method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs), agent: false, ...(lookup && { lookup }) }, (answer) => {
      // What it says is of no interest, and may be endless.
      answer.destroy();
      fulfil(answer.statusCode ?? 0);
    });
    sent.on('error', reject).end(message.body);
  });
}

const lookupOutside: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, []);
    const inside = addresses.find(({ address }) => isSpecial(address));
    if (inside !== undefined) return callback(new Error(`${hostname} is ${inside.address}, which is not outside`), []);
    const [first] = addresses as [LookupAddress, ...LookupAddress[]];
    if (options.all === true) return callback(null, addresses);
    return callback(null, first.address, first.family);
  });
};

/** Source: the IANA special-purpose address registries, https://www.iana.org/assignments/iana-ipv4-special-registry */
const SPECIAL = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 4], ['240.0.0.0', 4],
] as const) SPECIAL.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 128], ['::1', 128], ['64:ff9b::', 96], ['100::', 64], ['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8],
] as const) SPECIAL.addSubnet(net, bits, 'ipv6');

/** IPv4 in IPv6 (`::ffff:a.b.c.d`) is checked as IPv4. */
export function isSpecial(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  return SPECIAL.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
