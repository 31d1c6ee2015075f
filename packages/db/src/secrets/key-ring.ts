import { createHash } from 'node:crypto';

import { BullpenError } from '@bullpen/core';

/** A key of keys: what data keys are wrapped with. Its id says which it is and nothing of what it is. */
export interface MasterKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The first seals; the others only open what was sealed before a rotation. */
export interface KeyRing {
  readonly current: MasterKey;
  find(id: string): MasterKey | undefined;
}

const KEY_BYTES = 32;

/**
 * Reads master keys: 32 bytes each in base64, separated by commas or white space, the current one first.
 * @throws BullpenError CONFIG_INVALID, which does not hold what it read.
 */
export function parseKeyRing(text: string): KeyRing {
  const keys = text.split(/[\s,]+/).filter((part) => part !== '').map(masterKeyOf);
  const [current] = keys;
  if (current === undefined) throw new BullpenError('CONFIG_INVALID', 'there is no master key for secrets: give 32 random bytes in base64');
  return { current, find: (id) => keys.find((key) => key.id === id) };
}

function masterKeyOf(text: string): MasterKey {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')) {
    throw new BullpenError('CONFIG_INVALID', 'a master key for secrets is 32 random bytes in base64 (openssl rand -base64 32)');
  }
  return { id: createHash('sha256').update('bullpen master key').update(bytes).digest('hex').slice(0, 16), bytes };
}
