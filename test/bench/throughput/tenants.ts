import { createHash } from 'node:crypto';

import { Deadline, createRunSchema, planRun, silentLogger, systemClock, type AgentVersion, type NewRun, type Tier } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, createRunStore, type Database } from '@bullpen/db';

import type { BenchContext } from '../bench.ts';

/** The organizations of a measurement, each with an agent that gives back what it gets, and the rows of their runs. */
export interface Tenant {
  readonly organization: Awaited<ReturnType<typeof createOrganization>>;
  readonly version: AgentVersion;
}

const BUNDLE = 'export default async (input) => input;\n';
const INSERTED_AT_ONCE = 500;

/** @param prefix - of the organizations' names */
export function prepareTenants(context: BenchContext, { count, prefix, tier }: { count: number; prefix: string; tier: Tier }): Promise<Tenant[]> {
  const sha256 = createHash('sha256').update(BUNDLE).digest('hex');
  return withDatabase(context, async (db) => {
    const tenants: Tenant[] = [];
    for (let n = 0; n < count; n += 1) {
      const organization = await createOrganization(db, { id: `${prefix}-${n}`, name: `${prefix}-${n}`, poolMb: 1024, maxMemoryMb: 256, minimumTier: 'basic' });
      const { version } = await createAgentVersion(db, organization.id, { agent: 'echo', manifest: { tier }, bundle: BUNDLE, sha256 });
      tenants.push({ organization, version });
    }
    return tenants;
  });
}

/** Writes the rows of `repeats` bursts of `each` runs of every tenant; their jobs come later. @returns the bursts, tenants taking turns */
export function writeRows(context: BenchContext, tenants: readonly Tenant[], each: number, repeats = 1): Promise<NewRun[][]> {
  return withDatabase(context, async (db) => {
    const store = createRunStore({ db, clock: systemClock, log: silentLogger });
    await store.start();
    const request = createRunSchema.parse({ agent: 'echo', input: { n: 1 } });
    const bursts = Array.from({ length: repeats }, () => tenants).flat().map(({ organization, version }) => Array.from({ length: each }, () => planRun(request, version, organization, null)));
    const all = bursts.flat();
    for (let at = 0; at < all.length; at += INSERTED_AT_ONCE) await Promise.all(all.slice(at, at + INSERTED_AT_ONCE).map((run) => store.insert(run)));
    await store.stop(Deadline.in(5000));
    return bursts;
  });
}

async function withDatabase<T>({ services }: BenchContext, act: (db: Database) => Promise<T>): Promise<T> {
  const db = createDatabase({ url: services.postgresUrl, log: silentLogger });
  await db.start();
  return act(db).finally(() => db.stop(Deadline.in(5000)));
}
