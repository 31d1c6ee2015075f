import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { request, type ClientRequest } from 'node:http';
import { join } from 'node:path';

import type { BullpenClient } from '@bullpen/sdk';
import { Redis } from 'ioredis';

import { testServices } from '../services/index.ts';
import { bullpen } from '../system/bullpen-command.ts';
import { ADMIN_KEY, deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';
import { temporaryDir } from '../system/temp-dir.ts';
import { insertOf, listTables, loosen, rowsOf, type SeededTable } from './tenant-seeds.ts';

const LEAVING = 'leaving-corp';
const STAYING = 'staying-corp';

describe.each<QueueBackend>(['redis', 'postgres'])('an organization that leaves, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let leaving: BullpenClient;
  let staying: BullpenClient;
  let tables: SeededTable[];

  beforeAll(async () => {
    system = await startSystem({ queue });
    leaving = await system.organization(LEAVING);
    staying = await system.organization(STAYING);
    for (const client of [leaving, staying]) {
      await deploy(client, 'echo', 'async (input, ctx) => { ctx.log.info("said"); return input; }');
      await deploy(client, 'napper', 'async (_input, ctx) => { await new Promise((done) => ctx.signal.addEventListener("abort", done)); }', { timeoutMs: 120_000 });
      await client.runs.create({ agent: 'echo', input: { n: 1 } }, { wait: '30s' });
      await client.runs.create({ agent: 'echo', fairnessKey: 'x', priority: 2 }, { wait: '30s' });
    }
    await limitConcurrency(system, LEAVING);
    await loosen(system.apis[0]!.db);
    tables = await listTables(system.apis[0]!.db);
  });
  afterAll(async () => { await system.stop(); });

  it('is asked twice before it is deleted', async () => {
    const response = await admin(system, 'DELETE', `/v1/organizations/${LEAVING}`);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, 'INVALID_REQUEST']);
    expect((await admin(system, 'DELETE', '/v1/organizations/nobody?confirm=nobody')).status).toBe(404);
  });

  it('may be exported by clients that do not read, which hold up nobody', async () => {
    const { db, url } = system.apis[0]!;
    // More than the sockets in between take.
    await db.sql`INSERT INTO bundles (org_id, sha256, code, bytes) SELECT ${STAYING}, lpad(n::text, 64, '0'), repeat('x', 1_000_000), 1_000_000 FROM generate_series(1, 40) AS n`;
    const sleepers = await Promise.all(Array.from({ length: 6 }, () => silentExport(`${url()}/v1/organizations/${STAYING}/export`)));
    expect((await leaving.agents.list()).items).toHaveLength(2);
    expect(await staying.runs.list()).toMatchObject({ items: [{ agent: 'echo' }, { agent: 'echo' }] });
    for (const sleeper of sleepers) sleeper.destroy();
    const whole = await (await admin(system, 'GET', `/v1/organizations/${STAYING}/export`)).text();
    expect(JSON.parse(whole.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ end: true });
    await db.sql`DELETE FROM bundles WHERE org_id = ${STAYING} AND bytes = 1_000_000`;
  });

  it('takes all it has with it, and leaves nothing behind: no row, no key, no job, while others stay as they were', async () => {
    await seedOthers(system, tables);
    const napping = await leaving.runs.create({ agent: 'napper' });
    await eventually('it naps', async () => ((await leaving.runs.get(napping.id)).state === 'running' ? true : undefined));
    await leaving.runs.create({ agent: 'echo' }, {});
    const others = await rowsOf(system.apis[0]!.db, tables, STAYING);
    const before = await rowsOf(system.apis[0]!.db, tables, LEAVING);

    using dir = temporaryDir();
    const file = join(dir.path, 'all.ndjson');
    const done = await bullpen(['orgs', 'delete', LEAVING, '--yes', '--export', file, '--json'], { cwd: dir.path, env: { BULLPEN_API_URL: system.apis[0]!.url(), BULLPEN_API_KEY: ADMIN_KEY } });
    expect(done).toMatchObject({ exitCode: 0 });

    const exported = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as { table?: string; row?: Record<string, unknown>; end?: boolean });
    expect(exported.at(-1)).toMatchObject({ end: true });
    expect(exported.filter(({ table }) => table === 'runs').length).toBeGreaterThanOrEqual(4);
    expect(new Set(exported.map(({ table }) => table))).toEqual(new Set([...(await readable(system, namesIn(before))), undefined]));
    expect(JSON.stringify(exported)).not.toMatch(new RegExp(`${STAYING}|secret_hash`));

    // Heartbeats and collectors may write for another moment; what they write for an organization that is gone must not stay.
    await system.stopWorkers();
    const after = await rowsOf(system.apis[0]!.db, tables, LEAVING);
    expect(Object.entries(after).filter(([, rows]) => rows.length > 0)).toEqual([]);
    // The platform keeps that it was deleted, and by whom.
    expect(await mentions(system, tables)).toEqual(['public.audit_log']);
    expect(await system.apis[0]!.db.sql`SELECT action, org_id AS "orgId" FROM audit_log WHERE target = ${`organization/${LEAVING}`}`).toEqual([{ action: 'deleteOrganization', orgId: null }]);
    expect(await keysOf(system, queue)).toEqual([]);
    expect(await staying.runs.list()).toMatchObject({ items: [{ agent: 'echo' }, { agent: 'echo' }] });
    expect(unchanged(await rowsOf(system.apis[0]!.db, tables, STAYING))).toEqual(unchanged(others));
  });

  it('is unknown afterwards, and its name is free', async () => {
    expect((await admin(system, 'GET', `/v1/organizations/${LEAVING}/export`)).status).toBe(404);
    expect((await admin(system, 'POST', '/v1/organizations', { id: LEAVING })).status).toBe(201);
  });
});

async function admin(system: RunningSystem, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${system.apis[0]!.url()}${path}`, {
    method, headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** Asks, and reads nothing of the answer. */
function silentExport(url: string): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    call.on('error', () => undefined).on('socket', (socket) => socket.once('connect', () => resolve(call))).once('error', reject).end();
    call.on('response', (answer) => answer.pause().on('error', () => undefined));
  });
}

async function limitConcurrency(system: RunningSystem, orgId: string): Promise<void> {
  expect((await admin(system, 'PATCH', `/v1/organizations/${orgId}`, { limits: { maxConcurrency: 1, maxMemoryInFlightMb: 512 } })).status).toBe(200);
}

/** A row in each table of ours that the system itself has not written to yet. */
async function seedOthers(system: RunningSystem, tables: readonly SeededTable[]): Promise<void> {
  const { db } = system.apis[0]!;
  for (const org of [LEAVING, STAYING]) {
    const rows = await rowsOf(db, tables, org);
    const bare = tables.filter(({ name, orgColumn }) => orgColumn !== null && name.startsWith('public.') && !/_p?\d{8}$|_default$/.test(name) && rows[name]?.length === 0);
    // A schedule of such a row would fire at once.
    await db.sql.unsafe(`SET LOCAL session_replication_role = replica; ${bare.map((table) => insertOf(table, org)).join(';\n')};
      UPDATE schedules SET next_at = NULL, pending_at = NULL`);
  }
}

/** Names as an export has them, of tables that hold a row. */
function namesIn(rows: Record<string, string[]>): string[] {
  return Object.entries(rows).filter(([name, held]) => name.startsWith('public.') && held.length > 0 && !/_p?\d{8}$|_default$/.test(name)).map(([name]) => name.replace('public.', ''));
}

/** Those of the tables that a tenant may read at all, if only some of their columns. */
async function readable(system: RunningSystem, names: readonly string[]): Promise<string[]> {
  const rows = await system.apis[0]!.db.sql<{ name: string }[]>`
    SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND has_any_column_privilege('bullpen_tenant', oid, 'SELECT')`;
  return rows.map(({ name }) => name).filter((name) => names.includes(name));
}

/** Every table of the database in which the organization is named in any column of any row. */
async function mentions(system: RunningSystem, tables: readonly SeededTable[]): Promise<string[]> {
  const { db } = system.apis[0]!;
  const found = await Promise.all(tables.map(async ({ name }) => {
    const rows = await db.sql.unsafe(`SELECT 1 FROM ${name} t WHERE t::text LIKE '%${LEAVING}%' LIMIT 1`);
    return rows.length > 0 ? [name] : [];
  }));
  return found.flat();
}

async function keysOf(system: RunningSystem, queue: QueueBackend): Promise<string[]> {
  if (queue === 'postgres') return [];
  const redis = new Redis(testServices().redisUrl);
  try {
    const prefix = system.env['QUEUE_PREFIX'] ?? '';
    const keys = await redis.keys(`${prefix}*`);
    const dumps = await Promise.all(keys.map(async (key) => ({ key, held: await heldBy(redis, key) })));
    return dumps.filter(({ key, held }) => key.includes(LEAVING) || held.includes(LEAVING)).map(({ key }) => key);
  } finally {
    redis.disconnect();
  }
}

async function heldBy(redis: Redis, key: string): Promise<string> {
  switch (await redis.type(key)) {
    case 'hash': return JSON.stringify(await redis.hgetall(key));
    case 'zset': return JSON.stringify(await redis.zrange(key, '0', '-1'));
    case 'set': return JSON.stringify(await redis.smembers(key));
    case 'list': return JSON.stringify(await redis.lrange(key, 0, -1));
    case 'string': return (await redis.get(key)) ?? '';
    default: return '';
  }
}

/** Tables that a running system goes on writing to for the organization that stays are left out. */
function unchanged(rows: Record<string, string[]>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(rows).filter(([name]) => !/bullpen_queue|containers|metrics|samples|organizations|alert/.test(name)));
}
