import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hashSecret } from '@bullpen/api';
import { Deadline, newId } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, insertApiKey } from '@bullpen/db';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { postLoad, type LoadResult } from './http/load.ts';
import { startApi, startMinimal, startWorker } from './http/servers.ts';
import { median, quantile } from './statistics.ts';

/**
 * How many `POST /v1/runs` a second does one API process answer, with key, role, rate limit, validation, the row in
 * Postgres (synced), the job and the audit entry? Beside it: an Express handler that only does `queue.add`. Each in a
 * process of its own, in turns, 128 connections. And how long does `?wait=` take from request to result, one at a time?
 */
const POSTS = 8000;
const WARM_UP = 2000;
const CONNECTIONS = 128;
const WAITS = 300;
const SECRET = 'bp_bench_0123456789abcdef0123456789';
const BODY = JSON.stringify({ agent: 'echo', input: { n: 1 } });

interface Round {
  ours: LoadResult;
  minimal: LoadResult;
  waitMs: number[];
}

export default async function http(context: BenchContext): Promise<BenchOutcome> {
  const { services, log, rounds: count } = context;
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-bench-'));
  const env = {
    DATABASE_URL: services.postgresUrl, QUEUE_URL: services.redisUrl, QUEUE_PREFIX: 'bench', PORT: '0', BULLPEN_CACHE_DIR: dir,
    BULLPEN_RATE_LIMIT: '100000000', BULLPEN_SLOTS: '16',
  };
  await prepare(services.postgresUrl);
  const [api, minimal] = await Promise.all([startApi(env), startMinimal(services.redisUrl)]);
  const headers = { authorization: `Bearer ${SECRET}` };
  const ours = (posts: number, connections = CONNECTIONS, path = '/v1/runs') => postLoad(api.url, { path, headers, body: BODY, count: posts, connections });
  const theirs = (posts: number) => postLoad(minimal.url, { path: '/runs', headers: {}, body: BODY, count: posts, connections: CONNECTIONS });
  const rounds: Round[] = [];
  try {
    await ours(WARM_UP);
    await theirs(WARM_UP);
    const posted: Omit<Round, 'waitMs'>[] = [];
    for (let round = 0; round < count; round += 1) {
      posted.push({ ours: await ours(POSTS), minimal: await theirs(POSTS) });
      log(`round ${round + 1}: ours ${Math.round(posted.at(-1)?.ours.perSecond ?? 0)}/s, minimal ${Math.round(posted.at(-1)?.minimal.perSecond ?? 0)}/s`);
    }
    const worker = await startWorker(env);
    try {
      await drained(services.postgresUrl);
      await ours(WAITS, 1, '/v1/runs?wait=30s');
      for (const one of posted) rounds.push({ ...one, waitMs: (await ours(WAITS, 1, '/v1/runs?wait=30s')).tookMs });
    } finally {
      await worker.stop();
    }
  } finally {
    await Promise.all([api.stop(), minimal.stop()]);
    await rm(dir, { recursive: true, force: true });
  }
  return outcomeOf(rounds);
}

function outcomeOf(rounds: readonly Round[]): BenchOutcome {
  const middle = (valueOf: (round: Round) => number) => median(rounds.map(valueOf));
  const ratio = middle((round) => round.ours.perSecond / round.minimal.perSecond);
  return {
    results: [
      { metric: 'post.per_s', value: middle((round) => round.ours.perSecond), unit: '1/s', against: middle((round) => round.minimal.perSecond), ratio },
      { metric: 'post.ratio_minimal', value: ratio, unit: 'ratio' },
      { metric: 'post.p99_ms', value: middle((round) => quantile(round.ours.tookMs, 0.99)), unit: 'ms', against: middle((round) => quantile(round.minimal.tookMs, 0.99)) },
      { metric: 'wait.p50_ms', value: middle((round) => quantile(round.waitMs, 0.5)), unit: 'ms' },
      { metric: 'wait.p99_ms', value: middle((round) => quantile(round.waitMs, 0.99)), unit: 'ms' },
    ],
  };
}

async function prepare(url: string): Promise<void> {
  const db = createDatabase({ url, maxConnections: 1 });
  await db.start();
  await createOrganization(db, { id: 'bench', name: 'bench', poolMb: 1024, maxMemoryMb: 256, minimumTier: 'basic' });
  await insertApiKey(db, { id: newId('key'), orgId: 'bench', name: 'bench', role: 'developer', secretHash: hashSecret(SECRET) });
  const bundle = 'export default async (input) => input;\n';
  await createAgentVersion(db, 'bench', { agent: 'echo', manifest: {}, bundle, sha256: createHash('sha256').update(bundle).digest('hex') });
  await db.stop(Deadline.in(1000));
}

/** The posts left their runs in the queue: a run that waits behind thousands says nothing about waiting. */
async function drained(url: string): Promise<void> {
  const db = createDatabase({ url, maxConnections: 1 });
  await db.start();
  for (;;) {
    const [row] = await db.sql<{ waiting: boolean }[]>`SELECT EXISTS (SELECT 1 FROM runs WHERE state IN ('queued', 'running')) AS waiting`;
    if (row?.waiting !== true) break;
    await new Promise((resume) => { setTimeout(resume, 100); });
  }
  await db.stop(Deadline.in(1000));
}
