import path from 'node:path';

import { BullpenError, parseConfig } from '@bullpen/core';
import { z } from 'zod';

import { CHECKOUT_DIR, defaultDataDir } from './data-dir.ts';

const schema = z.object({
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// URL').optional(),
  REDIS_URL: z.string().regex(/^rediss?:\/\//, 'a redis:// or rediss:// URL').optional(),
  /** Absent: 3000 or the next free one. Given: that one or none. */
  PORT: z.coerce.number().int().min(1).max(65_535).optional(),
  /** Loopback unless asked otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  BULLPEN_QUEUE: z.enum(['redis', 'postgres']).optional(),
  BULLPEN_DATA_DIR: z.string().min(1).optional(),
  PATH: z.string().default(''),
  /** When the bootstrap began, milliseconds since the Unix epoch: set by infra/bootstrap. */
  BULLPEN_STARTED_AT_MS: z.coerce.number().optional(),
});

/** What `npm start` reads from its environment and arguments. */
export interface UpConfig {
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly port: number | undefined;
  readonly host: string;
  readonly queue: 'redis' | 'postgres' | undefined;
  /** Where Postgres, Redis and the keys stay between starts. */
  readonly dataDir: string;
  /** `.bullpen` of the checkout: where `bullpen` looks for the keys. */
  readonly stateDir: string;
  readonly logDir: string;
  /** Where the keys are written. With `--exit` not where `bullpen` looks for them: what they open is about to be gone. */
  readonly credentialDirs: readonly string[];
  readonly searchPath: string;
  readonly startedAtMs: number;
  /** End after the examples. */
  readonly exit: boolean;
  readonly examples: boolean;
}

const FLAGS = ['--exit', '--no-examples'];

/** @throws BullpenError CONFIG_INVALID */
export function loadUpConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env): UpConfig {
  const values = parseConfig(schema, env);
  const unknown = args.filter((arg) => !FLAGS.includes(arg));
  if (unknown.length > 0) throw new BullpenError('CONFIG_INVALID', `unknown argument ${unknown[0]}; there are ${FLAGS.join(' and ')}`);
  const exit = args.includes('--exit');
  const examples = !args.includes('--no-examples');
  if (exit && !examples) throw new BullpenError('CONFIG_INVALID', '--exit reports how the examples ended, so it does not go with --no-examples');
  const stateDir = path.join(CHECKOUT_DIR, '.bullpen');
  const givenDir = values.BULLPEN_DATA_DIR === undefined ? undefined : path.resolve(values.BULLPEN_DATA_DIR);
  const dataDir = givenDir ?? defaultDataDir(CHECKOUT_DIR, process.getuid?.() === 0);
  return Object.freeze({
    databaseUrl: values.DATABASE_URL,
    redisUrl: values.REDIS_URL,
    port: values.PORT,
    host: values.HOST,
    queue: values.BULLPEN_QUEUE,
    dataDir,
    stateDir,
    logDir: path.join(givenDir ?? stateDir, 'logs'),
    credentialDirs: exit ? [dataDir] : [dataDir, stateDir],
    searchPath: values.PATH,
    startedAtMs: values.BULLPEN_STARTED_AT_MS ?? Date.now(),
    exit,
    examples,
  });
}

/** The environment of a process of ours: what we were given, and what it is told on top. */
export function childEnv(told: Readonly<Record<string, string>>, env: Readonly<Record<string, string | undefined>> = process.env): Record<string, string | undefined> {
  return { ...env, ...told };
}
