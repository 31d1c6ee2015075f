import { BullpenError, type KeyRole } from '@bullpen/core';

import type { Database } from '../database.ts';
import { postgresCodeOf, reaching } from '../postgres-errors.ts';
import { apiKeys } from '../schema.ts';

export interface NewApiKey {
  id: string;
  /** Null for the role `admin`, and only for it. */
  orgId: string | null;
  name: string;
  role: KeyRole;
  /** Hex sha256 of the secret. */
  secretHash: string;
  /** ISO 8601; now where left out. */
  createdAt?: string;
}

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/** @throws BullpenError ALREADY_EXISTS (its id or its secret), NOT_FOUND (its organization). */
export async function insertApiKey(db: Database, key: NewApiKey): Promise<void> {
  try {
    await reaching(() => db.orm.insert(apiKeys).values(key));
  } catch (error) {
    const code = postgresCodeOf(error);
    if (code === UNIQUE_VIOLATION) throw new BullpenError('ALREADY_EXISTS', 'this key exists already', { id: key.id }, { cause: error });
    if (code === FOREIGN_KEY_VIOLATION) throw new BullpenError('NOT_FOUND', `no organization ${key.orgId}`, { orgId: key.orgId }, { cause: error });
    throw error;
  }
}
