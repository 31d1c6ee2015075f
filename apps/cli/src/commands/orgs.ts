import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { BullpenError } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

export interface OrgsDeleteOptions {
  export?: string;
  yes?: boolean;
}

/**
 * `bullpen orgs delete <org> --export <file>`: writes all the organization has to the file, and deletes it only when the
 * file is whole. Needs the platform admin's key.
 */
export const orgsDeleteCommand: CommandAction<OrgsDeleteOptions> = async ({ output, options, deps, adminClient }, orgId) => {
  const file = resolve(deps.cwd, options.export ?? `${orgId}.ndjson`);
  if (options.yes !== true) {
    throw new BullpenError('INVALID_REQUEST', `this deletes ${orgId} with all it has, after writing it to ${file}: say --yes`);
  }
  const api = adminClient();
  const rows = await saveExport(Readable.fromWeb((await api.organizations.export(orgId!, { signal: deps.interrupted })) as never), file);
  const deleted = await api.organizations.delete(orgId!, { signal: deps.interrupted });
  const total = Object.values(deleted.rows).reduce((sum, count) => sum + count, 0);
  if (options.json === true) output.json({ ...deleted, export: { file, rows } });
  else output.result(`${orgId} is deleted: ${total} rows of ${Object.keys(deleted.rows).length} tables; ${rows} rows are in ${file}`);
  return EXIT.ok;
};

/** How many rows. The file gets its name when it is whole. @throws BullpenError API_UNREACHABLE where it was cut off. */
async function saveExport(lines: Readable, file: string): Promise<number> {
  const part = `${file}.part`;
  let tail = '';
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      tail = (tail + chunk.toString('utf8')).slice(-TAIL_CHARS);
      done(null, chunk);
    },
  });
  await pipeline(lines, watch, createWriteStream(part));
  const rows = /\{"end":true,"rows":(\d+)\}\n$/.exec(tail)?.[1];
  if (rows === undefined) throw new BullpenError('API_UNREACHABLE', `the export was cut off; nothing was deleted, and ${part} is not whole`, { part });
  await rename(part, file);
  return Number(rows);
}

/** Longer than the last line. */
const TAIL_CHARS = 200;
