import { parseConfig } from '@bullpen/core';
import { processSettings } from '@bullpen/process';
import { z } from 'zod';

const schema = z.object({
  ...processSettings,
  /** Loopback unless asked otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** 0: any free port. */
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  /** Requests of one key in a minute, over all API processes. */
  BULLPEN_RATE_LIMIT: z.coerce.number().int().min(1).max(100_000_000).default(60_000),
  /** Where callers reach the API, such as https://bullpen.example.com: URLs that it makes begin with it. As the request came, without it. */
  BULLPEN_PUBLIC_URL: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')).optional(),
  /** Origins whose pages may call /v1, separated by commas; none by default. */
  BULLPEN_CORS_ORIGINS: z.string().default('').transform((text) => text.split(',').map((origin) => origin.trim()).filter((origin) => origin !== ''))
    .refine((origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin), 'origins such as https://app.example.com'),
  /** Accepted as a key of the platform's admin; without it only admin keys in Postgres are. */
  BULLPEN_ADMIN_KEY: z.string().min(24, 'at least 24 characters').optional(),
});

export type ApiConfig = Readonly<z.output<typeof schema>>;

/** @throws BullpenError CONFIG_INVALID */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): ApiConfig {
  return parseConfig(schema, env);
}
