import type { KeyRole } from '@bullpen/core';

/** Who asks: the holder of a key. An admin belongs to no organization and names the one it acts for. */
export interface Principal {
  readonly keyId: string;
  readonly orgId: string | null;
  readonly role: KeyRole;
  readonly name: string;
}
