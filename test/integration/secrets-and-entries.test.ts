import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KV_BOUNDS, SECRET_BOUNDS } from '@bullpen/core';
import { SecretStore, createAgentVersion, createOrganization, deleteEntry, getEntry, listEntries, parseKeyRing, setEntry, type Database } from '@bullpen/db';

import { ORG, SHA256, createDbFixture, type DbFixture } from './db-fixture.ts';

const newKey = () => randomBytes(32).toString('base64');
const OTHER = 'other';

describe('what agents ask for, in Postgres', () => {
  let fixture: DbFixture;
  let db: Database;
  beforeAll(async () => {
    fixture = await createDbFixture();
    db = fixture.db;
    await createOrganization(db, { id: OTHER, name: 'Other', poolMb: 1024, maxMemoryMb: 1024, minimumTier: 'basic' });
    await createAgentVersion(db, OTHER, { agent: 'echo', manifest: {}, bundle: 'export default 1', sha256: SHA256 });
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  describe('secrets', () => {
    const first = newKey();
    const storeOf = (keys: string | null) => new SecretStore({ db, keys: keys === null ? null : parseKeyRing(keys) });

    it('are read as they were put, counted by version, and listed without their values', async () => {
      const secrets = storeOf(first);
      expect(await secrets.put(ORG, 'TOKEN', 'the-first-value')).toMatchObject({ name: 'TOKEN', version: 1 });
      expect(await secrets.put(ORG, 'TOKEN', 'the-second-value')).toMatchObject({ name: 'TOKEN', version: 2 });
      expect([await secrets.read(ORG, 'TOKEN'), await secrets.read(OTHER, 'TOKEN'), await secrets.read(ORG, 'NONE')]).toEqual(['the-second-value', null, null]);
      expect(JSON.stringify(await secrets.list(ORG))).not.toContain('value');
      expect(await secrets.list(OTHER)).toEqual([]);
      const rows = await db.sql<{ row: string }[]>`SELECT encode(sealed_value, 'escape') || encode(wrapped_key, 'escape') AS row FROM secrets`;
      expect(rows.map(({ row }) => row).join()).not.toMatch(/value/);
    });

    it('do not open in the row of another organization', async () => {
      const secrets = storeOf(first);
      await secrets.put(ORG, 'MOVED', 'of-acme');
      await db.sql`INSERT INTO secrets (org_id, name, key_id, wrapped_key, sealed_value) SELECT ${OTHER}, name, key_id, wrapped_key, sealed_value FROM secrets WHERE org_id = ${ORG} AND name = 'MOVED'`;
      await expect(secrets.read(OTHER, 'MOVED')).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
      await secrets.delete(OTHER, 'MOVED');
    });

    it('are wrapped again under a new master key, while the old one still opens what was not', async () => {
      const before = storeOf(first);
      await before.put(ORG, 'OLD', 'old-value');
      const next = newKey();
      const during = storeOf(`${next},${first}`);
      expect(await during.read(ORG, 'OLD')).toBe('old-value');
      const { rewrapped, keyId } = await during.rewrapAll();
      expect(rewrapped).toBeGreaterThanOrEqual(2);
      expect(keyId).toBe(parseKeyRing(next).current.id);
      expect(await during.rewrapAll()).toEqual({ keyId, rewrapped: 0 });
      expect(await storeOf(next).read(ORG, 'OLD')).toBe('old-value');
      await expect(before.read(ORG, 'OLD')).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
      await expect(storeOf(newKey()).rewrapAll()).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
      await storeOf(`${first},${next}`).rewrapAll();
    });

    it('cannot be put or read without a master key, but listed and deleted', async () => {
      await storeOf(first).put(ORG, 'GONE', 'value');
      const keyless = storeOf(null);
      await expect(keyless.put(ORG, 'X', 'y')).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
      await expect(keyless.read(ORG, 'GONE')).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
      expect((await keyless.list(ORG)).map(({ name }) => name)).toContain('GONE');
      await keyless.delete(ORG, 'GONE');
      await expect(keyless.delete(ORG, 'GONE')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND' });
    });

    it('hold what a value may hold at most, and are of an organization that is there', async () => {
      const secrets = storeOf(first);
      const largest = 'é'.repeat(SECRET_BOUNDS.valueBytes / 2);
      await secrets.put(ORG, 'LARGE', largest);
      expect(await secrets.read(ORG, 'LARGE')).toBe(largest);
      await expect(secrets.put('nobody', 'X', 'y')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });
  });

  describe('entries', () => {
    const mine = { orgId: ORG, agent: 'echo' };
    const theirs = { orgId: OTHER, agent: 'echo' };

    it('are of one agent of one organization', async () => {
      await setEntry(db, mine, { key: 'k', valueJson: '{"a":[1,"x",null]}' });
      expect([await getEntry(db, mine, 'k'), await getEntry(db, theirs, 'k')]).toMatchObject([{ key: 'k', value: { a: [1, 'x', null] } }, null]);
    });

    it('keep strings, numbers and null as they are', async () => {
      for (const value of ['12', '"quoted"', 12, null, '', true]) {
        await setEntry(db, mine, { key: 'plain', valueJson: JSON.stringify(value) });
        expect((await getEntry(db, mine, 'plain'))?.value).toBe(value);
      }
    });

    it('change only where they have the revision that was expected, of many writers at once one', async () => {
      const revision = await setEntry(db, mine, { key: 'cas', valueJson: '0', ifRevision: 0 });
      const tries = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => setEntry(db, mine, { key: 'cas', valueJson: String(i), ifRevision: revision })));
      expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const one of tries) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'KV_CONFLICT' });
      await expect(setEntry(db, mine, { key: 'cas', valueJson: '1', ifRevision: 0 })).rejects.toMatchObject({ code: 'KV_CONFLICT' });
      await expect(deleteEntry(db, mine, { key: 'cas', ifRevision: revision })).rejects.toMatchObject({ code: 'KV_CONFLICT' });
      expect([await deleteEntry(db, mine, { key: 'cas' }), await deleteEntry(db, mine, { key: 'cas' }), await deleteEntry(db, mine, { key: 'cas', ifRevision: 0 })]).toEqual([true, false, false]);
      expect(await setEntry(db, mine, { key: 'cas', valueJson: '1', ifRevision: 0 })).toBeGreaterThan(revision);
    });

    it('lose no increment of writers that try again', async () => {
      const increment = async (): Promise<void> => {
        for (;;) {
          const found = await getEntry(db, mine, 'counter');
          const next = { key: 'counter', valueJson: String(Number(found?.value ?? 0) + 1), ifRevision: found?.revision ?? 0 };
          if (await setEntry(db, mine, next).then(() => true, (error: { code?: string }) => error.code !== 'KV_CONFLICT')) return;
        }
      };
      await Promise.all(Array.from({ length: 25 }, increment));
      expect((await getEntry(db, mine, 'counter'))?.value).toBe(25);
    });

    it('are listed by prefix in pages, in the order of their bytes', async () => {
      for (const key of ['p/a', 'p/B', 'p/é', 'p/%', 'q/a']) await setEntry(db, mine, { key, valueJson: '1' });
      const first = await listEntries(db, mine, { prefix: 'p/', after: null, limit: 3 });
      expect([first.entries.map(({ key }) => key), first.next]).toEqual([['p/%', 'p/B', 'p/a'], 'p/a']);
      const second = await listEntries(db, mine, { prefix: 'p/', after: first.next, limit: 3 });
      expect([second.entries.map(({ key }) => key), second.next]).toEqual([['p/é'], null]);
      expect((await listEntries(db, theirs, { prefix: '', after: null, limit: 3 })).entries).toEqual([]);
    });

    it('come in pages that end where they are large', async () => {
      const valueJson = JSON.stringify('x'.repeat(KV_BOUNDS.valueBytes - 2));
      for (let i = 0; i < 10; i += 1) await setEntry(db, mine, { key: `large/${i}`, valueJson });
      const page = await listEntries(db, mine, { prefix: 'large/', after: null, limit: 100 });
      expect([page.entries.length, page.next]).toEqual([8, 'large/7']);
      expect((await listEntries(db, mine, { prefix: 'large/', after: page.next, limit: 100 })).entries).toHaveLength(2);
    });

    it('are no more than an agent may keep, by bytes and by count', async () => {
      const valueJson = JSON.stringify('x'.repeat(KV_BOUNDS.valueBytes - 2));
      const fits = Math.floor(KV_BOUNDS.bytesPerAgent / (KV_BOUNDS.valueBytes + 10));
      for (let i = 0; i < fits; i += 1) await setEntry(db, theirs, { key: `k${i}`.padEnd(10, '_'), valueJson });
      await expect(setEntry(db, theirs, { key: 'one more', valueJson })).rejects.toMatchObject({ code: 'KV_LIMIT' });
      await setEntry(db, theirs, { key: 'k0'.padEnd(10, '_'), valueJson: '1' });
      await setEntry(db, theirs, { key: 'small', valueJson: '1' });
      await db.sql`DELETE FROM agent_entries WHERE org_id = ${OTHER}`;
      await db.sql`INSERT INTO agent_entries (org_id, agent, key, value, bytes, revision) SELECT ${OTHER}, 'echo', 'n' || n, '1', 5, 1 FROM generate_series(1, ${KV_BOUNDS.entriesPerAgent}) n`;
      await expect(setEntry(db, theirs, { key: 'one more', valueJson: '1' })).rejects.toMatchObject({ code: 'KV_LIMIT' });
      await setEntry(db, theirs, { key: 'n1', valueJson: '2' });
    });
  });
});
