import { parseConfig } from '@bullpen/core';
import { processSettings } from '@bullpen/process';
import { z } from 'zod';

const schema = z.object({
  ...processSettings,
  /** Loopback unless asked otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** 0: any free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** Accepted as a key of the platform's admin; without it only admin keys in Postgres are. */
  BULLPEN_ADMIN_KEY: z.string().min(24, 'at least 24 characters').optional(),
});

export type ApiConfig = Readonly<z.output<typeof schema>>;

/** @throws BullpenError CONFIG_INVALID */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): ApiConfig {
  return parseConfig(schema, env);
}
