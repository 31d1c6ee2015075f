import { BullpenError } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';

/** The code of a bundle by primary key. @throws BullpenError NOT_FOUND. */
export async function loadBundle(db: Database, orgId: string, sha256: string): Promise<string> {
  const [bundle] = await reading(() => db.tenant(orgId, ({ sql }) => sql<{ code: string }[]>`
    SELECT code FROM bundles WHERE org_id = ${orgId} AND sha256 = ${sha256}`));
  if (!bundle) throw new BullpenError('NOT_FOUND', `no bundle ${sha256}`, { orgId, sha256 });
  return bundle.code;
}
