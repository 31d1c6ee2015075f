import { readFile } from 'node:fs/promises';

import { messageOf } from '@bullpen/core';
import postgres from 'postgres';

import { loadDeployConfig } from './config.ts';
import { say } from './output.ts';

/**
 * Applies setup-runtime-tables.sql to DATABASE_URL as one transaction; with `--dry-run` takes it back at the end and says what
 * would have been done. Exit code 0: done, or could be done; 1: Postgres refused, and nothing has changed; 2: wrong use.
 */
const config = loadDeployConfig(process.argv.slice(2));
if ('problem' in config) {
  say(config.problem);
  process.exitCode = 2;
} else {
  process.exitCode = await apply(config.databaseUrl, config.isDryRun);
}

async function apply(databaseUrl: string, isDryRun: boolean): Promise<number> {
  const script = await readFile(new URL('./setup-runtime-tables.sql', import.meta.url), 'utf8');
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, connect_timeout: 10, onnotice: () => undefined });
  try {
    const results = await sql.unsafe<{ name?: string; is_new?: boolean }[][]>(`BEGIN;\n${script}\n${isDryRun ? 'ROLLBACK' : 'COMMIT'};`);
    const rows = results.flat().filter((row) => row?.is_new !== undefined);
    for (const { name, is_new: isNew } of rows) say(`${isNew ? (isDryRun ? 'would apply' : 'applied') : 'is there'}  ${name}`);
    say(isDryRun ? 'dry run: nothing was changed' : 'the tables and policies of Bullpen are up to date');
    return 0;
  } catch (error) {
    say(`nothing was changed: ${messageOf(error)}`);
    return 1;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
