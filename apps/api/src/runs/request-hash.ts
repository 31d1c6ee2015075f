import { createHash } from 'node:crypto';

import type { CreateRun } from '@bullpen/core';

import { canonicalJson } from '../http/canonical-json.ts';

/** The same request gives the same hash whatever the order of its keys. */
export function hashRequest(request: CreateRun): string {
  return createHash('sha256').update(canonicalJson(request)).digest('hex');
}
