import type { z } from 'zod';

import { BullpenError } from './errors.ts';

/**
 * Checks environment variables against a zod object schema and freezes the result. Empty strings count as absent.
 * @throws BullpenError CONFIG_INVALID, naming every variable that is wrong.
 */
export function parseConfig<S extends z.ZodType>(schema: S, env: Readonly<Record<string, string | undefined>>): Readonly<z.output<S>> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data as object) as Readonly<z.output<S>>;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`);
  throw new BullpenError('CONFIG_INVALID', `configuration is not valid: ${problems.join('; ')}`, { problems });
}
