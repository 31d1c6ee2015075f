import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { BullpenError } from '@bullpen/core';

import type { KeyRing, MasterKey } from './key-ring.ts';

/**
 * Envelope encryption: each value has a random data key of its own, and only that is sealed with the master key, so that a
 * rotation touches no value. AES-256-GCM both times (NIST SP 800-38D): a nonce of 12 random bytes, the text, a tag of 16
 * bytes. What is sealed is bound to the organization and the name: a row that was moved elsewhere does not open.
 */
export interface SealedSecret {
  readonly keyId: string;
  readonly wrappedKey: Buffer;
  readonly sealedValue: Buffer;
}

/** Whose secret it is. */
export interface SecretRef {
  readonly orgId: string;
  readonly name: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

export function sealSecret(ring: KeyRing, ref: SecretRef, value: string): SealedSecret {
  const dataKey = randomBytes(32);
  return {
    keyId: ring.current.id,
    wrappedKey: seal(ring.current.bytes, dataKey, boundTo('data key', ref)),
    sealedValue: seal(dataKey, Buffer.from(value), boundTo('value', ref)),
  };
}

/** @throws BullpenError SECRETS_UNAVAILABLE where its master key is not there, or it was tampered with. */
export function openSecret(ring: KeyRing, ref: SecretRef, sealed: SealedSecret): string {
  const dataKey = unwrap(ring, ref, sealed);
  return opened(ref, () => open(dataKey, sealed.sealedValue, boundTo('value', ref))).toString();
}

/** The data key under the current master key; the value stays as it is. @throws BullpenError SECRETS_UNAVAILABLE */
export function rewrapSecret(ring: KeyRing, ref: SecretRef, sealed: Omit<SealedSecret, 'sealedValue'>): Omit<SealedSecret, 'sealedValue'> {
  return { keyId: ring.current.id, wrappedKey: seal(ring.current.bytes, unwrap(ring, ref, sealed), boundTo('data key', ref)) };
}

function unwrap(ring: KeyRing, ref: SecretRef, { keyId, wrappedKey }: Omit<SealedSecret, 'sealedValue'>): Buffer {
  const key: MasterKey | undefined = ring.find(keyId);
  if (key === undefined) throw new BullpenError('SECRETS_UNAVAILABLE', `the secret ${ref.name} was sealed with the master key ${keyId}, which is not here`, { keyId });
  return opened(ref, () => open(key.bytes, wrappedKey, boundTo('data key', ref)));
}

function opened(ref: SecretRef, act: () => Buffer): Buffer {
  try {
    return act();
  } catch (cause) {
    throw new BullpenError('SECRETS_UNAVAILABLE', `the secret ${ref.name} does not open: it is not what was sealed`, {}, { cause });
  }
}

/** Neither organizations' ids nor names of secrets hold a line end. */
function boundTo(what: string, { orgId, name }: SecretRef): Buffer {
  return Buffer.from(`bullpen secret, ${what}\n${orgId}\n${name}`);
}

function seal(key: Buffer, text: Buffer, bound: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(bound);
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Buffer, sealed: Buffer, bound: Buffer): Buffer {
  const tagAt = sealed.length - TAG_BYTES;
  if (tagAt < NONCE_BYTES) throw new Error('too short');
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES }).setAAD(bound).setAuthTag(sealed.subarray(tagAt));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
}
