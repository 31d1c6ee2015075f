import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { BullpenError, defined, type Organization, type OrganizationLimits, type Tier, type UpdateOrganizationRequest } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText } from '../text-format.ts';

/** What `create` and `set` take; all of it may be left out. */
export interface OrgSettings {
  name?: string;
  pool?: number;
  maxMemory?: number;
  minimumTier?: Tier;
  weight?: number;
  concurrency?: number;
  rate?: { runs: number; windowMs: number };
}

/** `bullpen orgs`: all organizations, newest first. */
export const listOrgsCommand: CommandAction<{ limit: number }> = async (invocation) => {
  const { output, options, deps, adminClient } = invocation;
  const page = await adminClient().organizations.list({ limit: options.limit, signal: deps.interrupted });
  if (options.json === true) output.json(page);
  else if (page.items.length === 0) output.note('no organizations yet: make one with `npx bullpen orgs create <org>`');
  else for (const line of renderTable(columnsOf(invocation), page.items, output.paint.dim, output.columns)) output.result(line);
  return EXIT.ok;
};

/** `bullpen orgs create <org>`: it gets keys by `bullpen keys create --org <org>`. */
export const createOrgCommand: CommandAction<OrgSettings> = async ({ output, options, deps, adminClient }, id = '') => {
  const organization = await adminClient().organizations.create({ id, ...settingsOf(options) }, { signal: deps.interrupted });
  if (options.json === true) output.json(organization);
  else {
    output.result(`${output.paint.green('✔')} ${organization.id} is there`);
    output.note(output.paint.dim(`next, its first key: npx bullpen keys create --org ${organization.id} --role owner --key ADMIN_KEY`));
  }
  return EXIT.ok;
};

/** `bullpen orgs show <org>` */
export const showOrgCommand: CommandAction = async (invocation, id = '') => {
  const { options, output, deps, adminClient } = invocation;
  const organization = await adminClient().organizations.get(id, { signal: deps.interrupted });
  if (options.json === true) output.json(organization);
  else for (const line of factsOf(organization, output.paint.dim)) output.result(line);
  return EXIT.ok;
};

/** `bullpen orgs set <org>`: workers obey within a second. */
export const setOrgCommand: CommandAction<OrgSettings> = async ({ output, options, deps, adminClient }, id = '') => {
  const change = settingsOf(options);
  if (Object.keys(change).length === 0) throw new BullpenError('INVALID_REQUEST', 'nothing to change: say what, for example --concurrency 10 (`bullpen help orgs set` lists all)');
  const organization = await adminClient().organizations.update(id, change, { signal: deps.interrupted });
  if (options.json === true) output.json(organization);
  else for (const line of factsOf(organization, output.paint.dim)) output.result(line);
  return EXIT.ok;
};

function settingsOf({ name, pool, maxMemory, minimumTier, weight, concurrency, rate }: OrgSettings): UpdateOrganizationRequest {
  const limits: Partial<OrganizationLimits> = defined({ weight, maxConcurrency: concurrency, rate });
  return defined({ name, poolMb: pool, maxMemoryMb: maxMemory, minimumTier, limits: Object.keys(limits).length === 0 ? undefined : limits });
}

function factsOf({ id, name, poolMb, maxMemoryMb, minimumTier, limits, retention, createdAt }: Organization, dim: (text: string) => string): string[] {
  const { weight, maxConcurrency, rate, maxMemoryInFlightMb, paused } = limits;
  const facts: [string, string][] = [
    ['organization', `${id}${name === id ? '' : `  ${harmless(name)}`}${paused ? '  (paused)' : ''}`],
    ['made', createdAt],
    ['memory', `pool of ${poolMb} MB on each worker, ${maxMemoryMb} MB a run${maxMemoryInFlightMb === null ? '' : `, ${maxMemoryInFlightMb} MB on all workers`}`],
    ['tier', `${minimumTier} or stronger`],
    ['share', `weight ${weight}, ${maxConcurrency === null ? 'as many runs at once as there are slots' : `${maxConcurrency} runs at once`}`],
    ['rate', rate === null ? 'not limited' : `${rate.runs} starts in ${rate.windowMs} ms`],
    ['kept', `runs ${retention.runDays} days, events ${retention.eventDays}, metrics ${retention.metricDays}`],
  ];
  return facts.map(([label, value]) => `${dim(label.padEnd(12))}  ${value}`);
}

function columnsOf({ deps, output: { paint } }: Invocation): Column<Organization>[] {
  return [
    { heading: 'ORGANIZATION', text: ({ id }) => id },
    { heading: 'NAME', text: ({ name }) => harmless(name), leaveOut: 3, cutTo: 12 },
    { heading: 'POOL', text: ({ poolMb }) => `${poolMb} MB`, align: 'right', leaveOut: 1 },
    { heading: 'TIER FROM', text: ({ minimumTier }) => minimumTier, leaveOut: 4 },
    { heading: 'WEIGHT', text: ({ limits }) => String(limits.weight), align: 'right', leaveOut: 2 },
    { heading: 'AT ONCE', text: ({ limits }) => String(limits.maxConcurrency ?? '-'), align: 'right', leaveOut: 2 },
    { heading: 'STATE', text: ({ limits }) => (limits.paused ? 'paused' : 'takes runs'), paint: (text, { limits }) => (limits.paused ? paint.yellow(text) : text) },
    { heading: 'MADE', text: ({ createdAt }) => agoText(createdAt, deps.nowMs()), align: 'right', leaveOut: 5 },
  ];
}

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
