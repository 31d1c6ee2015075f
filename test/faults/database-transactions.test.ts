import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { Deadline } from '@bullpen/core';
import { createAgentVersion, createDatabase, getDeployment, getRun, listVersions, migrate, putDeployment, type Database } from '@bullpen/db';

import { ORG, createDbFixture, type DbFixture } from '../integration/db-fixture.ts';
import { eventually } from '../system/running-system.ts';

/**
 * Backends that are killed while they are in the middle of what must happen as a whole. The driver's own transactions end
 * the process with an exception that nobody can catch when that happens; a test of Jest would end with it.
 */
let fixture: DbFixture;
let victim: Database;

beforeEach(async () => {
  fixture = await createDbFixture();
  victim = createDatabase({ url: fixture.url, applicationName: 'victim' });
});
afterEach(async () => {
  await victim.stop(Deadline.in(1000));
  await fixture[Symbol.asyncDispose]();
});

/** Kills the victim's backend as soon as it waits for this. */
async function killIn(waitEvent: 'PgSleep' | 'transactionid'): Promise<void> {
  await eventually(`the victim waits for ${waitEvent}`, async () => {
    const killed = await fixture.db.sql`
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'victim' AND wait_event = ${waitEvent}`;
    return killed.length > 0 ? true : undefined;
  });
}

/** For sessions that begin from now on. */
async function setSlow(setting: string): Promise<void> {
  await fixture.db.sql.unsafe(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I ${setting.replaceAll("'", "''")}', current_database()); END $$`);
}

describe('a backend that is killed', () => {
  it('in the middle of a new version leaves no version, and the next call makes it', async () => {
    // Held by another session, so that the victim stands in the middle: its agent's row is written, its version is not.
    const holder = createDatabase({ url: fixture.url, maxConnections: 1 });
    await holder.sql`BEGIN; SELECT 1 FROM agents WHERE name = 'echo' FOR UPDATE`.simple();
    const given = { agent: 'echo', manifest: {}, bundle: 'export default 2', sha256: 'b'.repeat(64) };
    const [added] = await Promise.all([
      createAgentVersion(victim, ORG, given).catch((error: unknown) => error),
      killIn('transactionid'),
    ]);
    expect(added).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
    await holder.stop(Deadline.in(1000));
    expect((await listVersions(victim, ORG, 'echo', { limit: 10 })).items).toHaveLength(1);
    expect(await createAgentVersion(victim, ORG, given)).toMatchObject({ created: true, version: { version: 2 } });
  });

  it('in the middle of a transaction takes it back, and leaves the process and the next call as they should be', async () => {
    await putDeployment(victim, ORG, { agent: 'echo', name: 'production' }, { version: 1, canary: null });
    const holder = createDatabase({ url: fixture.url, maxConnections: 1 });
    await holder.sql`BEGIN; SELECT 1 FROM deployments FOR UPDATE`.simple();
    const given = { version: 1, canary: { version: 1, percent: 50, fairnessKeys: [], policy: { minRuns: 1, maxMinutes: 1 } } } as never;
    const [put] = await Promise.all([
      putDeployment(victim, ORG, { agent: 'echo', name: 'production' }, given).catch((error: unknown) => error),
      killIn('transactionid'),
    ]);
    expect(put).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
    await holder.stop(Deadline.in(1000));
    expect(await getDeployment(victim, ORG, { agent: 'echo', name: 'production' })).toMatchObject({ canary: null });
    expect((await putDeployment(victim, ORG, { agent: 'echo', name: 'production' }, given)).deployment).toMatchObject({ canary: { percent: 50 } });
  });

  it('in the middle of a migration leaves the database as it was, and the next call brings it further', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    await writeFile(join(folder, '0901_first.sql'), 'CREATE TABLE first_half ()');
    await writeFile(join(folder, '0902_second.sql'), `SELECT pg_sleep_for(coalesce(nullif(current_setting('app.slow', true), ''), '0 s')::interval); CREATE TABLE second_half ()`);
    await setSlow(`SET app.slow = '30 s'`);
    const [migrated] = await Promise.all([
      migrate(victim, pathToFileURL(`${folder}/`)).catch((error: unknown) => error),
      killIn('PgSleep'),
    ]);
    await setSlow('RESET app.slow');
    expect(migrated).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
    expect(await fixture.db.sql`SELECT to_regclass('first_half') AS found`).toEqual([{ found: null }]);
    expect(await migrate(fixture.db, pathToFileURL(`${folder}/`))).toEqual({ applied: ['0901_first.sql', '0902_second.sql'] });
  });

  it('between two reads of a tenant shows an error that may be retried, or the row, and never that it is not there', async () => {
    const { run } = await fixture.store.insert(fixture.newRun());
    for (let n = 0; n < 20; n += 1) {
      const reads = Array.from({ length: 12 }, () => getRun(victim, ORG, run.id));
      await fixture.db.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'victim'`;
      expect((await Promise.all(reads)).every(({ id }) => id === run.id)).toBe(true);
    }
  });
});
