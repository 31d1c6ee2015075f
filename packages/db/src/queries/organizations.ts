import { eq, sql } from 'drizzle-orm';

import { BullpenError, DEFAULT_ORGANIZATION_LIMITS, type LimitCaps, type Organization, type OrganizationLimits, type Tier } from '@bullpen/core';

import type { Database } from '../database.ts';
import { reaching, reading } from '../postgres-errors.ts';
import { organizations } from '../schema.ts';

export interface NewOrganization {
  id: string;
  name: string;
  poolMb: number;
  maxMemoryMb: number;
  minimumTier: Tier;
  limits?: Partial<OrganizationLimits>;
  caps?: LimitCaps;
}

export type OrganizationChange = Partial<Omit<NewOrganization, 'id'>>;

type OrganizationRow = typeof organizations.$inferSelect;

/** The row keeps what differs from the defaults. */
export function organizationOf({ limits, ...row }: OrganizationRow): Organization {
  return { ...row, limits: { ...DEFAULT_ORGANIZATION_LIMITS, ...limits } };
}

/** @throws BullpenError ALREADY_EXISTS. */
export async function createOrganization(db: Database, organization: NewOrganization): Promise<Organization> {
  const [created] = await reaching(() => db.orm.insert(organizations).values(organization).onConflictDoNothing().returning());
  if (!created) throw new BullpenError('ALREADY_EXISTS', `organization ${organization.id} exists already`, { id: organization.id });
  return organizationOf(created);
}

/** By primary key. @throws BullpenError NOT_FOUND. */
export async function getOrganization(db: Database, orgId: string): Promise<Organization> {
  const [found] = await reading(() => db.orm.select().from(organizations).where(eq(organizations.id, orgId)));
  if (!found) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
  return organizationOf(found);
}

/** By primary key; limits are merged into what they were. @throws BullpenError NOT_FOUND. */
export async function updateOrganization(db: Database, orgId: string, { limits, ...change }: OrganizationChange): Promise<Organization> {
  const merged = limits === undefined ? {} : { limits: sql`${organizations.limits} || ${JSON.stringify(limits)}::text::jsonb` };
  const values = { ...change, ...merged };
  if (Object.keys(values).length === 0) return getOrganization(db, orgId);
  const [updated] = await reaching(() => db.orm.update(organizations).set(values).where(eq(organizations.id, orgId)).returning());
  if (!updated) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
  return organizationOf(updated);
}
