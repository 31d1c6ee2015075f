import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/**
 * Answers that wait to be given again may hold a secret (that of a new API key), so they are kept encrypted under the
 * Idempotency-Key that they belong to, of which Postgres has the hash only. AES-256-GCM; the key by HKDF-SHA-256.
 */
export interface KeptAnswer {
  headers: Readonly<Record<string, string>>;
  body: unknown;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function hashOfKey(idempotencyKey: string): string {
  return createHash('sha256').update(idempotencyKey).digest('hex');
}

export function seal(answer: KeptAnswer, idempotencyKey: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(idempotencyKey), nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

/** Throws where it was not sealed under this key. */
export function unseal(sealed: Uint8Array, idempotencyKey: string): KeptAnswer {
  const bytes = Buffer.from(sealed);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(idempotencyKey), bytes.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  return JSON.parse(text.toString('utf8')) as KeptAnswer;
}

function sealingKey(idempotencyKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', idempotencyKey, '', 'bullpen answer', 32));
}
