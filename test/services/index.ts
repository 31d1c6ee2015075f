/** What test files ask for. The servers are started once by Jest's global set-up. */
import { randomBytes } from 'node:crypto';

import { TEMPLATE_DATABASE, createDatabaseOn, type TestDatabase } from './databases.ts';
import { requireProgram } from './programs.ts';
import type { TestServices } from './servers.ts';

export type { TestDatabase } from './databases.ts';
export type { TestServices } from './servers.ts';

/** The addresses of this run's Postgres and Redis. */
export function testServices(): TestServices {
  const told = process.env.BULLPEN_TEST_SERVICES;
  if (!told) throw new Error('no test services: run this file through Jest, in the project "system" or "browser"');
  return JSON.parse(told) as TestServices;
}

/** A fresh database with every migration applied. */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabaseOn(testServices().postgresAdminUrl, TEMPLATE_DATABASE);
}

/** A fresh database with nothing in it. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return createDatabaseOn(testServices().postgresAdminUrl);
}

/** A key prefix of one's own on the shared Redis. */
export function testPrefix(): string {
  return `test-${randomBytes(8).toString('hex')}`;
}

/** Path of a Chromium; installed where it is missing and may be, otherwise an error that says how. */
export async function chromiumPath(): Promise<string> {
  return requireProgram('chromium');
}
