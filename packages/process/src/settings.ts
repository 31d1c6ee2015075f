import { readFileSync } from 'node:fs';

import { z } from 'zod';

/** Environment variables that every process of ours understands, for the zod schema of an app's `loadConfig`. */
export const processSettings = {
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'a postgres:// URL'),
  QUEUE_URL: z.string().regex(/^(rediss?(\+cluster|\+sentinel)?|postgres(ql)?):\/\//, 'a redis://, redis+cluster://, redis+sentinel:// or postgres:// URL'),
  QUEUE_PREFIX: z.string().regex(/^[a-z0-9-]{1,40}$/).default('bullpen'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  /** From SIGTERM until what still runs is given back. */
  BULLPEN_STOP_MS: z.coerce.number().int().min(0).max(600_000).default(25_000),
  /** Stop when standard input ends: set by a launcher that holds the other end, so that no orphan outlives it. */
  BULLPEN_EXIT_WITH_PARENT: z.enum(['0', '1']).default('0').transform((flag) => flag === '1'),
  /** Master keys for secrets: 32 random bytes each in base64, separated by commas, the current one first. */
  BULLPEN_SECRETS_KEY: z.string().optional(),
  /** A file that holds them, for where BULLPEN_SECRETS_KEY is not given; read once, at the start. */
  BULLPEN_SECRETS_KEY_FILE: z.string().transform((path, { addIssue }) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      addIssue(`cannot read ${path}`);
      return z.NEVER;
    }
  }).optional(),
} as const;
