import { createHash } from 'node:crypto';

import type { CreateRun } from '@bullpen/core';

/** The same request gives the same hash whatever the order of its keys. */
export function hashRequest(request: CreateRun): string {
  const canonical = JSON.stringify(request, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value);
  return createHash('sha256').update(canonical).digest('hex');
}
