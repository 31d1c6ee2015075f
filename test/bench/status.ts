import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runtimeStatusSchema } from '@bullpen/core';

import type { BenchContext } from './bench.ts';
import { startApi } from './http/servers.ts';

const ADMIN_KEY = 'bench-admin-key-0123456789abcdef';
const REQUESTS = 60;
/** Longer than a document is handed out again, so that each is made for its request. */
const APART_MS = 110;

/** What GET /api/admin/runtime/status takes, from the request to the end of its body, with an API process of its own; ms each. */
export async function statusMs({ services }: BenchContext, organizations: number): Promise<number[]> {
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bench-'));
  const env = {
    DATABASE_URL: services.postgresUrl, QUEUE_URL: services.redisUrl, QUEUE_PREFIX: 'bench', PORT: '0', BULLPEN_CACHE_DIR: dir, BULLPEN_ADMIN_KEY: ADMIN_KEY,
  };
  const api = await startApi(env, dir);
  try {
    const tookMs: number[] = [];
    // The first ones read what is usual, and warm the connections.
    for (let n = -5; n < REQUESTS; n += 1) {
      const startedMs = performance.now();
      const response = await fetch(`${api.url}/api/admin/runtime/status`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
      const body = await response.text();
      if (n >= 0) tookMs.push(performance.now() - startedMs);
      else expectWhole(body, organizations);
      await new Promise((resume) => { setTimeout(resume, APART_MS); });
    }
    return tookMs;
  } finally {
    await api.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

function expectWhole(body: string, organizations: number): void {
  const status = runtimeStatusSchema.parse(JSON.parse(body));
  if (status.organizations.length !== organizations) throw new Error(`the status has ${status.organizations.length} organizations of ${organizations}`);
}
