import { BullpenError } from '../errors.ts';
import { base64Of, bytesOfBase64, hmacSha256, isSignedByOneOf, joined, utf8, type Bytes } from './hmac.ts';

/**
 * Signatures of the Standard Webhooks specification, 1.0: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body` with the
 * secret's bytes; several signatures, separated by a space, while a secret is being rotated.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 24;
const VERSION = 'v1,';
/** A message whose timestamp is further away than this is an old one that somebody sends again. */
export const SIGNATURE_TOLERANCE_MS = 300_000;
/** A signature costs a hash: nobody may ask for thousands. */
const MOST_SIGNATURES = 16;

/** What is signed of a message. */
export interface SignedMessage {
  /** `webhook-id` */
  readonly id: string;
  /** `webhook-timestamp`: seconds since the epoch. */
  readonly timestampS: number;
  readonly body: string | Uint8Array;
}

/** @example newSigningSecret() // 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' */
export function newSigningSecret(): string {
  return SECRET_PREFIX + base64Of(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/** The value of `webhook-signature`, one signature for each secret. @throws BullpenError CONFIG_INVALID where one is none. */
export async function signStandardWebhook(message: SignedMessage, secrets: readonly string[]): Promise<string> {
  const signed = signedBytes(message.id, String(message.timestampS), message.body);
  const signatures = await Promise.all(secrets.map(async (secret) => VERSION + base64Of(await hmacSha256(keyOf(secret), signed))));
  return signatures.join(' ');
}

/** The three headers of a message, as they arrived; null where one did not. */
export interface StandardHeaders {
  readonly id: string | null;
  readonly timestamp: string | null;
  readonly signature: string | null;
}

/**
 * Whether a message is one of ours, and a recent one.
 * @throws BullpenError SIGNATURE_INVALID, without saying what is wrong with the signature; CONFIG_INVALID where a secret is none.
 */
export async function verifyStandardWebhook(
  headers: StandardHeaders, body: string | Uint8Array, options: { secrets: readonly string[]; nowMs: number; toleranceMs?: number },
): Promise<void> {
  const { id, timestamp, signature } = headers;
  if (id === null || timestamp === null || signature === null) throw invalid('webhook-id, webhook-timestamp or webhook-signature is missing');
  checkTimestamp(timestamp, options);
  const given = signature.split(' ').filter((part) => part.startsWith(VERSION)).slice(0, MOST_SIGNATURES)
    .map((part) => bytesOfBase64(part.slice(VERSION.length))).filter((bytes) => bytes !== null);
  if (!await isSignedByOneOf(options.secrets.map(keyOf), given, signedBytes(id, timestamp, body))) throw invalid('the signature does not match');
}

/** @throws BullpenError SIGNATURE_INVALID where the time, in seconds since the epoch, is none or too far away. */
export function checkTimestamp(timestampS: string, { nowMs, toleranceMs = SIGNATURE_TOLERANCE_MS }: { nowMs: number; toleranceMs?: number }): void {
  if (!/^\d{1,12}$/.test(timestampS)) throw invalid('the timestamp is no number of seconds');
  const awayMs = Math.abs(nowMs - Number(timestampS) * 1000);
  if (awayMs > toleranceMs) throw invalid(`the timestamp is ${Math.round(awayMs / 1000)} s away from now`);
}

export function invalid(message: string): BullpenError {
  return new BullpenError('SIGNATURE_INVALID', message);
}

function signedBytes(id: string, timestamp: string, body: string | Uint8Array): Bytes {
  return joined(`${id}.${timestamp}.`, typeof body === 'string' ? utf8(body) : new Uint8Array(body));
}

/** The prefix may be left out, as the specification's own libraries have it. */
function keyOf(secret: string): Bytes {
  const key = bytesOfBase64(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret);
  if (key === null || key.length === 0) throw new BullpenError('CONFIG_INVALID', 'a secret of Standard Webhooks is base64, mostly after whsec_');
  return key;
}
