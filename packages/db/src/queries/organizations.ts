import { eq } from 'drizzle-orm';

import { BullpenError, type Organization, type Tier } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { organizations } from '../schema.ts';

export interface NewOrganization {
  id: string;
  name: string;
  poolMb: number;
  maxMemoryMb: number;
  minimumTier: Tier;
}

/** @throws BullpenError ALREADY_EXISTS. */
export async function createOrganization(db: Database, organization: NewOrganization): Promise<Organization> {
  const [created] = await reaching(() => db.orm.insert(organizations).values(organization).onConflictDoNothing().returning());
  if (!created) throw new BullpenError('ALREADY_EXISTS', `organization ${organization.id} exists already`, { id: organization.id });
  return created;
}

/** By primary key. @throws BullpenError NOT_FOUND. */
export async function getOrganization(db: Database, orgId: string): Promise<Organization> {
  const [found] = await reading(() => db.orm.select().from(organizations).where(eq(organizations.id, orgId)));
  if (!found) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
  return found;
}
