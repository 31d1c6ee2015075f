import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import postgres from 'postgres';

import { chromiumPath, createEmptyDatabase, createTestDatabase, testPrefix, testServices } from '../services/index.ts';

describe('the test services', () => {
  it('give a database of its own to each caller and take it away again', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
    const sql = postgres(one.url, { max: 1 });
    const [row] = await sql<{ name: string; version: string }[]>`select current_database() as name, current_setting('server_version') as version`;
    expect(row?.version).toMatch(/^18/);
    expect(one.url).not.toBe(other.url);
    await sql.end();
    await Promise.all([one.drop(), other.drop()]);
    const admin = postgres(testServices().postgresAdminUrl, { max: 1 });
    expect(await admin`select 1 from pg_database where datname = ${row?.name ?? ''}`).toHaveLength(0);
    await admin.end();
  });

  it('include a real Redis that asks for its password', async () => {
    const { redisUrl } = testServices();
    const redis = new Redis(redisUrl);
    const key = testPrefix();
    await redis.set(key, 'kept');
    expect(await redis.get(key)).toBe('kept');
    await redis.quit();
    expect(new URL(redisUrl).password).not.toBe('');
  });

  it('find a Chromium', async () => {
    expect(await chromiumPath()).toMatch(/chrom/i);
  });
});
