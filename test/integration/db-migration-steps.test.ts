import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { Deadline } from '@bullpen/core';
import { createDatabase, getRun, listRunEvents, migrate, readMigrations, resolveVersion, type Database } from '@bullpen/db';
import { renderDatabaseDocs } from '@bullpen/infra';

import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../services/index.ts';

const MIGRATIONS = fileURLToPath(new URL('../../packages/db/migrations/', import.meta.url));
const DOCS = fileURLToPath(new URL('../../docs/database.md', import.meta.url));
const SHA256 = 'a'.repeat(64);
const RUN = 'run_01jd3v00000000000000000000';

/** What people had in their database when they were at a version, added as soon as there is a place for it. */
const DATA: Record<string, string> = {
  '0001_spine.sql': `
    INSERT INTO organizations (id, name, pool_mb, max_memory_mb, minimum_tier) VALUES ('acme', 'Acme', 1024, 512, 'basic'), ('rival', 'Rival', 64, 64, 'basic');
    INSERT INTO api_keys (id, org_id, name, role, secret_hash) VALUES ('key_1', 'acme', 'default', 'developer', '${'b'.repeat(64)}'), ('key_2', NULL, 'root', 'admin', '${'c'.repeat(64)}');
    INSERT INTO agents (org_id, name, latest_version) VALUES ('acme', 'echo', 1);
    INSERT INTO bundles (org_id, sha256, code, bytes) VALUES ('acme', '${SHA256}', 'export default 1', 16);
    INSERT INTO agent_versions (id, org_id, agent, version, sha256, manifest) VALUES ('ver_1', 'acme', 'echo', 1, '${SHA256}', '{"memoryMb": 64}');
    INSERT INTO runs (id, org_id, agent, version, version_id, state, tier, attempt, max_attempts, lease, timeout_ms, memory_mb, backoff, input, result, metadata, worker_id, queued_at, claimed_at, finished_at)
      VALUES ('${RUN}', 'acme', 'echo', 1, 'ver_1', 'succeeded', 'basic', 1, 1, 1, 1000, 64, '{"baseMs": 1, "maxMs": 1, "jitter": false}', '{"n": 1}', '"ok"', '{}', 'wkr_1', now(), now(), now()),
        ('run_01jd3v00000000000000000001', 'acme', 'echo', 1, 'ver_1', 'queued', 'basic', 0, 1, 0, 1000, 64, '{"baseMs": 1, "maxMs": 1, "jitter": false}', '1', NULL, '{}', NULL, now(), NULL, NULL);
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, event) SELECT 'acme', '${RUN}', 1000000 + n, 1, now() - n * interval '1 day', '{"type": "progress", "fraction": 1}'
      FROM (VALUES (0), (1), (40), (2000)) AS days (n);`,
  '0002_run_metrics.sql': `
    INSERT INTO run_metrics (bucket_at, org_id, agent, outcome, runs, wall_ms, cpu_ms, gb_seconds, queue_wait_ms, wall_histogram, cpu_histogram, queue_wait_histogram)
      VALUES (to_timestamp(floor(extract(epoch FROM now()) / 10) * 10), 'acme', 'echo', 'succeeded', 2, 20, 10, 0.1, 4, '{"5": 2}', '{"5": 2}', '{"5": 2}');
    INSERT INTO metric_writers (id, last_batch) VALUES ('w', 1);`,
  '0003_schedules.sql': `
    INSERT INTO schedules (id, org_id, name, run, interval_ms, overlap, catch_up, max_catch_up, paused, next_at, timed_at, created_at)
      VALUES ('sch_1', 'acme', 'hourly', '{"agent": "echo"}', 3600000, 'allow', 'last', 1, false, now(), now(), now());`,
};
/** Tables that a migration turns into something of another shape; their rows are checked for being there only. */
const RESHAPED = new Set(['run_metrics']);

type Rows = Record<string, Record<string, unknown>[]>;

async function snapshot({ sql }: Database): Promise<Rows> {
  const tables = await sql<{ name: string }[]>`
    SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`;
  const read = async (name: string) => (await sql.unsafe<{ row: Record<string, unknown> }[]>(`SELECT to_jsonb(t) AS row FROM ${name} t ORDER BY t::text`)).map(({ row }) => row);
  return Object.fromEntries(await Promise.all(tables.map(async ({ name }) => [name, await read(name)] as const)));
}

/** Every row that was there is there, with what its columns held, as far as there are such columns still. */
function expectKept(before: Rows, after: Rows): void {
  for (const [name, rows] of Object.entries(before)) {
    const now = after[name];
    if (name === 'schema_migrations' || now === undefined) continue;
    expect({ name, rows: now.length }).toEqual({ name, rows: rows.length });
    if (RESHAPED.has(name)) continue;
    const kept = Object.keys(now[0] ?? {});
    const only = (row: Record<string, unknown>) => JSON.stringify(Object.entries(row).filter(([column]) => kept.includes(column) && column in (rows[0] ?? {})).sort());
    expect({ name, rows: now.map(only).sort() }).toEqual({ name, rows: rows.map(only).sort() });
  }
}

describe('each migration', () => {
  let empty: TestDatabase;
  let db: Database;
  let folder: string;

  beforeAll(async () => {
    empty = await createEmptyDatabase();
    db = createDatabase({ url: empty.url });
    folder = await mkdtemp(join(tmpdir(), 'migration-steps-'));
  });
  afterAll(async () => {
    await db.stop(Deadline.in(1000));
    await rm(folder, { recursive: true });
    await empty.drop();
  });

  it('comes from the one before with all that was there', async () => {
    for (const { name } of await readMigrations()) {
      const before = name.startsWith('0001') ? {} : await snapshot(db);
      await copyFile(join(MIGRATIONS, name), join(folder, name));
      expect(await migrate(db, pathToFileURL(`${folder}/`))).toEqual({ applied: [name] });
      expectKept(before, await snapshot(db));
      await db.sql.unsafe(DATA[name] ?? 'SELECT 1');
    }
  });

  it('leads together to a database that the code of today reads', async () => {
    expect(await getRun(db, 'acme', RUN)).toMatchObject({ state: 'succeeded', result: 'ok', priority: 5 });
    expect(await resolveVersion(db, 'acme', 'echo')).toMatchObject({ version: 1, manifest: { memoryMb: 64 } });
    expect((await db.sql`SELECT 1 FROM run_events`)).toHaveLength(4);
    // Said on the day of the run's id or later; the one of long before is found where it is looked for by itself.
    expect((await listRunEvents(db, 'acme', RUN, -1, 10)).length).toBeGreaterThanOrEqual(3);
  });
});

describe('docs/database.md', () => {
  it('is what the catalog says: run `node infra/docs/generate.ts` after a change', async () => {
    const database = await createTestDatabase();
    const db = createDatabase({ url: database.url });
    const rendered = await renderDatabaseDocs(db);
    await db.stop(Deadline.in(1000));
    await database.drop();
    expect(await readFile(DOCS, 'utf8')).toBe(rendered);
  });
});
