import { mkdtempSync, chmodSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Deadline } from '@bullpen/core';
import { createDatabase, migrate } from '@bullpen/db';

import { createEmbeddedPostgres } from '../local/postgres.ts';
import { renderDatabaseDocs } from './database-docs.ts';

/** Writes docs/database.md anew, from an empty database that is migrated for it: `node infra/docs/generate.ts`. */
const dataDir = mkdtempSync(path.join(tmpdir(), 'bullpen-docs-'));
chmodSync(dataDir, 0o755); // as root, Postgres is another account, which must get in
const postgres = createEmbeddedPostgres({ dataDir, logFile: path.join(dataDir, 'postgres.log'), databases: ['docs'], durable: false });
await postgres.start();
try {
  const db = createDatabase({ url: postgres.url('docs') });
  await migrate(db);
  await writeFile(new URL('../../docs/database.md', import.meta.url), await renderDatabaseDocs(db));
  await db.stop(Deadline.in(1000));
} finally {
  await postgres.stop(Deadline.in(5000));
  rmSync(dataDir, { recursive: true, force: true });
}
