import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hashSecret } from '@bullpen/api';
import { Deadline, newId } from '@bullpen/core';
import { createAgentVersion, createDatabase, createOrganization, insertApiKey } from '@bullpen/db';

import type { BenchContext, BenchOutcome } from './bench.ts';
import { postLoad, type LoadResult } from './http/load.ts';
import { startApi, startMinimal, startMinimalWorker, startWorker } from './http/servers.ts';
import { median, quantile } from './statistics.ts';

/**
 * How many `POST /v1/runs` a second does one API process answer, with key, role, rate limit, validation, the row in
 * Postgres (synced), the job and the audit entry? Beside it: an Express handler that only does `queue.add`. Each in a
 * process of its own, in turns, 128 connections. And how long does `?wait=` take from request to result, one at a time? Beside it,
 * in turns: the same handler waiting for its job, which a stock BullMQ Worker does in its own process, without record or wall.
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
  waits: Waits;
}

/** What each wait of a round took, ms. */
interface Waits {
  ours: number[];
  minimal: number[];
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
  const theirs = (posts: number, connections = CONNECTIONS, path = '/runs') => postLoad(minimal.url, { path, headers: {}, body: BODY, count: posts, connections });
  try {
    // Before the posts: they leave tens of thousands of runs to execute, and Postgres has to clean up after those.
    const workers = await Promise.all([startWorker(env, dir), startMinimalWorker(services.redisUrl, dir)]);
    const waits = await measureWaits({ ours: () => ours(WAITS, 1, '/v1/runs?wait=30s'), minimal: () => theirs(WAITS, 1, '/runs/waited') }, count)
      .finally(() => Promise.all(workers.map((worker) => worker.stop())));
    await ours(WARM_UP);
    await theirs(WARM_UP);
    const rounds: Round[] = [];
    for (const waited of waits) {
      rounds.push({ ours: await ours(POSTS), minimal: await theirs(POSTS), waits: waited });
      const { ours: { perSecond }, minimal: { perSecond: against } } = rounds.at(-1)!;
      log(`round ${rounds.length}: ours ${Math.round(perSecond)}/s, minimal ${Math.round(against)}/s, wait p50 ${quantile(waited.ours, 0.5).toFixed(2)} ms, minimal ${quantile(waited.minimal, 0.5).toFixed(2)} ms`);
    }
    return outcomeOf(rounds);
  } finally {
    await Promise.all([api.stop(), minimal.stop()]);
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureWaits(wait: { ours: () => Promise<LoadResult>; minimal: () => Promise<LoadResult> }, count: number): Promise<Waits[]> {
  const rounds: Waits[] = [];
  for (let round = -WARM_UP_WAITS; round < count; round += 1) {
    const waits = { ours: (await wait.ours()).tookMs, minimal: (await wait.minimal()).tookMs };
    if (round >= 0) rounds.push(waits);
  }
  return rounds;
}

function outcomeOf(rounds: readonly Round[]): BenchOutcome {
  const middle = (valueOf: (round: Round) => number) => median(rounds.map(valueOf));
  const ratio = middle((round) => round.ours.perSecond / round.minimal.perSecond);
  return {
    results: [
      { metric: 'post.per_s', value: middle((round) => round.ours.perSecond), unit: '1/s', against: middle((round) => round.minimal.perSecond), ratio },
      { metric: 'post.ratio_minimal', value: ratio, unit: 'ratio' },
      { metric: 'post.p99_ms', value: middle((round) => quantile(round.ours.tookMs, 0.99)), unit: 'ms', against: middle((round) => quantile(round.minimal.tookMs, 0.99)) },
      ...([['p50', 0.5], ['p99', 0.99]] as const).map(([name, at]) => {
        const [value, against] = [middle(({ waits }) => quantile(waits.ours, at)), middle(({ waits }) => quantile(waits.minimal, at))];
        return { metric: `wait.${name}_ms`, value, unit: 'ms', against, ratio: middle(({ waits }) => quantile(waits.ours, at) / quantile(waits.minimal, at)) };
      }),
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
