import { and, eq, isNull, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

import {
  BullpenError, DEFAULT_ORGANIZATION_LIMITS, DEFAULT_ORGANIZATION_RETENTION,
  type LimitCaps, type Organization, type OrganizationLimits, type OrganizationRetention, type Tier,
} from '@bullpen/core';

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
  retention?: Partial<OrganizationRetention>;
}

export type OrganizationChange = Partial<Omit<NewOrganization, 'id'>>;

type OrganizationRow = typeof organizations.$inferSelect;

/** The row keeps what differs from the defaults. */
export function organizationOf({ limits, retention, retainedAt: _retainedAt, deletingAt: _deletingAt, ...row }: OrganizationRow): Organization {
  return { ...row, limits: { ...DEFAULT_ORGANIZATION_LIMITS, ...limits }, retention: { ...DEFAULT_ORGANIZATION_RETENTION, ...retention } };
}

/** @throws BullpenError ALREADY_EXISTS. */
export async function createOrganization(db: Database, organization: NewOrganization): Promise<Organization> {
  const [created] = await reaching(() => db.orm.insert(organizations).values(organization).onConflictDoNothing().returning());
  if (!created) throw new BullpenError('ALREADY_EXISTS', `organization ${organization.id} exists already`, { id: organization.id });
  return organizationOf(created);
}

/** By primary key; one that is being deleted is gone. @throws BullpenError NOT_FOUND. */
export async function getOrganization(db: Database, orgId: string): Promise<Organization> {
  const [found] = await reading(() => db.tenant(orgId, ({ orm }) => orm.select().from(organizations)
    .where(and(eq(organizations.id, orgId), isNull(organizations.deletingAt)))));
  if (!found) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
  return organizationOf(found);
}

/** By primary key; limits and retention are merged into what they were. @throws BullpenError NOT_FOUND. */
export async function updateOrganization(
  db: Database, orgId: string, { limits, retention, ...change }: OrganizationChange,
): Promise<Organization> {
  const merge = (column: PgColumn, patch: object) => sql`${column} || ${JSON.stringify(patch)}::text::jsonb`;
  const values = {
    ...change,
    ...(limits === undefined ? {} : { limits: merge(organizations.limits, limits) }),
    ...(retention === undefined ? {} : { retention: merge(organizations.retention, retention) }),
  };
  if (Object.keys(values).length === 0) return getOrganization(db, orgId);
  const [updated] = await reaching(() => db.orm.update(organizations).set(values).where(eq(organizations.id, orgId)).returning());
  if (!updated) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`, { orgId });
  return organizationOf(updated);
}
