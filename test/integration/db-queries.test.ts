import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  Deadline, agentPageSchema, agentVersionSchema, newId, organizationSchema, pageSchema, runPageSchema, runSummarySchema,
  storedRunEventSchema, versionPageSchema, type RunState } from '@bullpen/core';
import {
  adminFindKeyByHash, adminListOrganizations, adminListRecentRuns, createAgentVersion, createDatabase, createOrganization, getOrganization,
  getRun, insertApiKey, listAgents, listRunEvents, listRuns, listVersions, loadBundle, resolveVersion,
} from '@bullpen/db';

import { ORG, SHA256, createDbFixture, success, type DbFixture } from './db-fixture.ts';

let fixture: DbFixture;
beforeAll(async () => { fixture = await createDbFixture(); });
afterAll(() => fixture[Symbol.asyncDispose]());

describe('organizations', () => {
  it('come back as they were created', async () => {
    const created = await createOrganization(fixture.db, { id: 'beta', name: 'Beta', poolMb: 256, maxMemoryMb: 128, minimumTier: 'strict' });
    expect(organizationSchema.parse(created)).toMatchObject({ id: 'beta', poolMb: 256, minimumTier: 'strict' });
    expect(await getOrganization(fixture.db, 'beta')).toEqual(created);
  });

  it('are refused twice and not found when absent', async () => {
    await expect(createOrganization(fixture.db, { id: ORG, name: 'x', poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' }))
      .rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(getOrganization(fixture.db, 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are listed newest first, page by page, each once', async () => {
    const schema = pageSchema(organizationSchema);
    const first = schema.parse(await adminListOrganizations(fixture.db, { limit: 1 }));
    const second = schema.parse(await adminListOrganizations(fixture.db, { limit: 1, cursor: first.nextCursor ?? '' }));
    expect([...first.items, ...second.items].map((organization) => organization.id)).toEqual(['beta', ORG]);
    expect(second.nextCursor).toBeNull();
  });
});

describe('API keys', () => {
  const key = () => ({ id: newId('key'), orgId: ORG, name: 'ci', role: 'developer' as const, secretHash: newHash() });
  const newHash = () => [...newId('key')].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('').slice(-64).padStart(64, '0');

  it('are found by the hash of their secret only', async () => {
    const given = key();
    await insertApiKey(fixture.db, given);
    expect(await adminFindKeyByHash(fixture.db, given.secretHash)).toEqual({ id: given.id, orgId: ORG, name: 'ci', role: 'developer', expiresAt: null });
    expect(await adminFindKeyByHash(fixture.db, 'f'.repeat(64))).toBeNull();
  });

  it('are refused for an organization that is not there, and with a secret that is', async () => {
    const given = key();
    await insertApiKey(fixture.db, given);
    await expect(insertApiKey(fixture.db, { ...given, id: newId('key') })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    await expect(insertApiKey(fixture.db, { ...key(), orgId: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of the platform belong to no organization', async () => {
    const admin = { ...key(), orgId: null, role: 'admin' as const };
    await insertApiKey(fixture.db, admin);
    expect(await adminFindKeyByHash(fixture.db, admin.secretHash)).toMatchObject({ orgId: null, role: 'admin' });
    await expect(insertApiKey(fixture.db, { ...key(), role: 'admin' })).rejects.toMatchObject({ cause: { constraint_name: 'api_keys_role_fits_org' } });
  });
});

describe('agent versions', () => {
  const upload = (agent: string, bundle: string, manifest = {}) =>
    createAgentVersion(fixture.db, ORG, { agent, manifest, bundle, sha256: Buffer.from(bundle).toString('hex').padEnd(64, '0').slice(0, 64) });

  it('count from one, and the same upload again adds none', async () => {
    const first = await upload('counter', 'one', { timeoutMs: 50 });
    expect(agentVersionSchema.parse(first.version)).toMatchObject({ version: 1, bundleBytes: 3, manifest: { timeoutMs: 50 } });
    expect(await upload('counter', 'one', { timeoutMs: 50 })).toEqual({ version: first.version, created: false });
    expect(await upload('counter', 'one', { timeoutMs: 60 })).toMatchObject({ version: { version: 2 }, created: true });
    expect(await upload('counter', 'two')).toMatchObject({ version: { version: 3 }, created: true });
  });

  it('count without gaps when many are uploaded at once', async () => {
    const made = await Promise.all(Array.from({ length: 12 }, (_, n) => upload('crowd', `bundle ${n}`)));
    expect(made.map(({ version }) => version.version).sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
    expect((await listAgents(fixture.db, ORG, { limit: 1 })).items[0]).toMatchObject({ name: 'crowd', latestVersion: 12 });
  });

  it('are resolved by number, the newest by default', async () => {
    await upload('chosen', 'a');
    await upload('chosen', 'b');
    expect(await resolveVersion(fixture.db, ORG, 'chosen')).toMatchObject({ version: 2 });
    expect(await resolveVersion(fixture.db, ORG, 'chosen', 1)).toMatchObject({ version: 1 });
    await expect(resolveVersion(fixture.db, ORG, 'chosen', 3)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(resolveVersion(fixture.db, ORG, 'nobody')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    await expect(resolveVersion(fixture.db, 'beta', 'chosen')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
  });

  it('hand out their bundle to their own organization only', async () => {
    expect(await loadBundle(fixture.db, ORG, SHA256)).toBe('export default 1');
    await expect(loadBundle(fixture.db, 'beta', SHA256)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are refused without an organization, and with a NUL in the bundle', async () => {
    await expect(createAgentVersion(fixture.db, 'nobody', { agent: 'a', manifest: {}, bundle: 'x', sha256: SHA256 }))
      .rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(upload('nul', 'a\0b')).rejects.toMatchObject({ code: 'BUNDLE_INVALID' });
  });

  it('are listed newest first, page by page', async () => {
    await upload('paged', 'a');
    await upload('paged', 'b');
    const first = versionPageSchema.parse(await listVersions(fixture.db, ORG, 'paged', { limit: 1 }));
    const second = versionPageSchema.parse(await listVersions(fixture.db, ORG, 'paged', { limit: 1, cursor: first.nextCursor ?? '' }));
    expect([...first.items, ...second.items].map((version) => version.version)).toEqual([2, 1]);
    const agents = agentPageSchema.parse(await listAgents(fixture.db, ORG, { limit: 200 }));
    const halves = await listAgents(fixture.db, ORG, { limit: 2 });
    const rest = await listAgents(fixture.db, ORG, { limit: 200, cursor: halves.nextCursor ?? '' });
    expect([...halves.items, ...rest.items]).toEqual(agents.items);
  });
});

describe('lists of runs', () => {
  it('come newest first, each run once, while new ones arrive', async () => {
    const { db, store, newRun } = fixture;
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) ids.unshift((await store.insert(newRun())).run.id);
    const first = runPageSchema.parse(await listRuns(db, ORG, { limit: 3 }));
    await store.insert(newRun());
    const second = runPageSchema.parse(await listRuns(db, ORG, { limit: 200, cursor: first.nextCursor ?? '' }));
    expect([...first.items, ...second.items].map((run) => run.id)).toEqual(ids);
    expect((await adminListRecentRuns(db, 2)).map((run) => runSummarySchema.parse(run).id)[1]).toBe(ids[0]);
  });

  it('are narrowed by state, by agent and by both', async () => {
    const { db, store, claimed } = fixture;
    const { runId, lease } = await claimed();
    await store.finish(success({ runId, lease }));
    const idsOf = async (filter: { state?: RunState[]; agent?: string }) =>
      (await listRuns(db, ORG, { ...filter, limit: 50 })).items.map((run) => run.id);
    expect(await idsOf({ state: ['succeeded'] })).toEqual([runId]);
    expect(await idsOf({ state: ['failed'] })).toEqual([]);
    expect(await idsOf({ agent: 'echo', state: ['succeeded', 'failed'] })).toEqual([runId]);
    expect(await idsOf({ agent: 'counter' })).toEqual([]);
  });

  it('show an organization nothing of another', async () => {
    const { runId } = await fixture.claimed();
    expect((await listRuns(fixture.db, 'beta', { limit: 50 })).items).toEqual([]);
    await expect(getRun(fixture.db, 'beta', runId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await listRunEvents(fixture.db, 'beta', runId, -1, 10)).toEqual([]);
  });

  it('refuse a cursor that is not theirs', async () => {
    for (const cursor of ['nonsense', Buffer.from('["a","b"]').toString('base64url')]) {
      await expect(listRuns(fixture.db, ORG, { limit: 1, cursor })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});

describe('run events', () => {
  it('are kept in order, once, however often they are appended', async () => {
    const { db, store, claimed } = fixture;
    const { runId, lease } = await claimed();
    const events = [
      { type: 'log' as const, level: 'info' as const, message: 'hello "world" \\ {a,b}', fields: { deep: [1, { x: null }] } },
      { type: 'emit' as const, name: 'token', data: '12' },
      { type: 'progress' as const, fraction: 0.5 },
    ].map((event, n) => ({ seq: lease * 1_000_000 + n, attempt: 1, at: new Date().toISOString(), event }));
    await store.appendEvents({ orgId: ORG, runId, lease, events: events.slice(0, 2) });
    await store.appendEvents({ orgId: ORG, runId, lease, events });
    const stored = await listRunEvents(db, ORG, runId, -1, 10);
    expect(stored.map((event) => storedRunEventSchema.parse(event))).toEqual(events);
    expect(await listRunEvents(db, ORG, runId, lease * 1_000_000, 1)).toEqual([events[1]]);
  });

  it('of a worker whose clock is far behind are kept under a day on which they are found', async () => {
    const { db, store, claimed } = fixture;
    const { runId, lease } = await claimed();
    const event = { seq: lease * 1_000_000, attempt: 1, at: '1999-12-31T23:59:59.999Z', event: { type: 'progress' as const, fraction: 1 } };
    for (let n = 0; n < 2; n += 1) await store.appendEvents({ orgId: ORG, runId, lease, events: [event] });
    const stored = await listRunEvents(db, ORG, runId, -1, 10);
    expect(stored).toHaveLength(1);
    expect(Date.now() - Date.parse(stored[0]?.at ?? '')).toBeLessThan(2 * 24 * 3600 * 1000);
  });

  it('that are not numbered within their lease are refused', async () => {
    const { store, claimed } = fixture;
    const { runId, lease } = await claimed();
    const event = { seq: 7, attempt: 1, at: '2026-01-01T00:00:00.000Z', event: { type: 'progress' as const, fraction: 1 } };
    await expect(store.appendEvents({ orgId: ORG, runId, lease, events: [event] })).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('the database as a service', () => {
  it('starts and stops again and again, tolerates both twice, and names an address where nothing listens', async () => {
    const db = createDatabase({ url: fixture.url });
    await db.stop(Deadline.in(1000));
    for (let n = 0; n < 3; n += 1) {
      await db.start();
      expect(await db.sql`SELECT 1 AS one`).toEqual([{ one: 1 }]);
      await db.quiesce();
      await db.stop(Deadline.in(1000));
      await db.stop(Deadline.in(1000));
    }
    const nowhere = createDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' });
    await expect(nowhere.start()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await expect(getOrganization(nowhere, ORG)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await nowhere.stop(Deadline.in(1000));
  });
});
