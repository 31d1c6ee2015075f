import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hashSecret } from '@bullpen/api';
import { Deadline, newId } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, insertApiKey } from '@bullpen/db';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { postLoad, type LoadResult } from './http/load.ts';
import { startApi, startMinimal, startWorker, type BenchServer } from './http/servers.ts';
import { median, quantile } from './statistics.ts';

/**
 * How many `POST /v1/runs` a second does one API process answer, with key, role, rate limit, validation, the row in
 * Postgres (synced), the job and the audit entry? Beside it: an Express handler that only does `queue.add`. Each in a
 * process of its own, in turns, 128 connections. And how long does `?wait=` take from request to result, one at a time?
 */
const POSTS = 8000;
/** Until then V8 still makes code fast, beside the posts. */
const WARM_UP = 10_000;
const CONNECTIONS = 128;
const WAITS = 300;
/** Rounds of waits before those that count: code gets fast by being used. */
const WARM_UP_WAITS = 4;
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
  const [api, minimal] = await Promise.all([startApi(env, dir), startMinimal(services.redisUrl, dir)]);
  const headers = { authorization: `Bearer ${SECRET}` };
  const ours = (posts: number, connections = CONNECTIONS, path = '/v1/runs') => postLoad(api.url, { path, headers, body: BODY, count: posts, connections });
  const theirs = (posts: number) => postLoad(minimal.url, { path: '/runs', headers: {}, body: BODY, count: posts, connections: CONNECTIONS });
  try {
    // Before the posts: they leave tens of thousands of runs to execute, and Postgres has to clean up after those.
    const waits = await measureWaits(() => startWorker(env, dir), () => ours(WAITS, 1, '/v1/runs?wait=30s'), count);
    await ours(WARM_UP);
    await theirs(WARM_UP);
    const rounds: Round[] = [];
    for (const waitMs of waits) {
      rounds.push({ ours: await ours(POSTS), minimal: await theirs(POSTS), waitMs });
      const { ours: { perSecond }, minimal: { perSecond: against } } = rounds.at(-1)!;
      log(`round ${rounds.length}: ours ${Math.round(perSecond)}/s, minimal ${Math.round(against)}/s, wait p50 ${quantile(waitMs, 0.5).toFixed(2)} ms`);
    }
    return outcomeOf(rounds);
  } finally {
    await Promise.all([api.stop(), minimal.stop()]);
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureWaits(start: () => Promise<BenchServer>, wait: () => Promise<LoadResult>, count: number): Promise<number[][]> {
  const worker = await start();
  try {
    for (let round = 0; round < WARM_UP_WAITS; round += 1) await wait();
    const rounds: number[][] = [];
    while (rounds.length < count) rounds.push((await wait()).tookMs);
    return rounds;
  } finally {
    await worker.stop();
  }
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
