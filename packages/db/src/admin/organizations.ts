import { and, desc, eq, lt, or } from 'drizzle-orm';

import type { Organization } from '@bullpen/core';

import { decodeCursor, toPage } from '../cursor.ts';
import type { Database } from '../database.ts';
import { reading } from '../postgres-errors.ts';
import type { Page, PageRequest } from '../queries/list-agents.ts';
import { organizationOf } from '../queries/organizations.ts';
import { organizations } from '../schema.ts';

/** All organizations, newest first: index organizations_newest. */
export async function adminListOrganizations(db: Database, { limit, cursor }: PageRequest): Promise<Page<Organization>> {
  const { createdAt: at, id } = organizations;
  const [createdAt = '', lastId = ''] = cursor === undefined ? [] : decodeCursor('organizations', cursor, 'time', 'text');
  const before = cursor === undefined ? undefined : or(lt(at, createdAt), and(eq(at, createdAt), lt(id, lastId)));
  const rows = await reading(() => db.orm.select().from(organizations).where(before).orderBy(desc(at), desc(id)).limit(limit + 1));
  return toPage('organizations', rows, limit, (row) => [row.createdAt, row.id], organizationOf);
}
