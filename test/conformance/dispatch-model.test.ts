import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Deadline, silentLogger, type EnqueuedRun, type OrganizationLimits } from '@bullpen/core';
import {
  MemoryDispatch, VirtualClock, createRandom, openRedisDispatch,
  type AdjustmentNext, type ChargedRun, type Dispatch, type Random, type ReadySet, type RunEnd,
} from '@bullpen/queue';
import { Redis } from 'ioredis';

import { testPrefix } from '../services/index.ts';
import { ONE_SERVER_REDIS, openQueueBench, type QueueBench } from './queue-backends.ts';

const ORGANIZATIONS = Array.from({ length: 8 }, (_, i) => `org-${i}`);
const STEPS = 400;

/** What the steps are done on: the model, or Redis. */
interface Side {
  readonly dispatch: Dispatch;
  readonly readySet: ReadySet;
  readonly jobs: Jobs;
  /** Held by the worker; the leases of the two sides differ. */
  readonly held: Map<string, ChargedRun>;
}

interface Jobs {
  giveBack(orgId: string, runId: string, leaseToken: string): Promise<boolean>;
  setLimits(orgId: string, patch: Partial<OrganizationLimits>): Promise<void>;
}

/** A step of the sequence, done on either side; what it answers is compared, and what it comes to. */
type Step = (side: Side) => Promise<unknown>;

/**
 * Draws steps at random, as workers, producers and operators would do them in any order. Rate windows are left out: Redis
 * counts them in real time.
 */
class Steps {
  readonly #random: Random;
  readonly #clock: VirtualClock;
  readonly #model: Side;
  #runs = 0;

  constructor(random: Random, clock: VirtualClock, model: Side) {
    this.#random = random;
    this.#clock = clock;
    this.#model = model;
  }

  next(): Step {
    const steps = [
      () => this.#enqueue(), () => this.#enqueue(), () => this.#turn(), () => this.#turn(), () => this.#turn(), () => this.#turn(),
      () => this.#giveBack(), () => this.#accrue(), () => this.#setLimits(), () => this.#markReady(),
    ];
    this.#clock.step(this.#clock.nowMs() + this.#upTo(40));
    return this.#of(steps)();
  }

  #enqueue(): Step {
    const groups = ORGANIZATIONS.filter(() => this.#random() < 0.3).map((orgId) => {
      const runs = Array.from({ length: 1 + this.#upTo(4) }, () => this.#newRun(orgId));
      return { orgId, runs, priorities: runs.map(() => 0) };
    });
    return ({ dispatch }) => dispatch.enqueue(groups);
  }

  #turn(): Step {
    const ended = [...this.#model.held.keys()].filter(() => this.#random() < 0.5);
    const costs = new Map(ended.map((runId) => [runId, this.#cost()]));
    const max = this.#upTo(6);
    return async ({ dispatch, held }) => {
      const ends = ended.map((runId): RunEnd => {
        const { taken, chargedSeconds } = held.get(runId)!;
        const costSeconds = costs.get(runId) ?? null;
        return { taken, costSeconds, owedSeconds: costSeconds === null ? 0 : costSeconds - chargedSeconds };
      });
      const { lost, runs } = await dispatch.turn({ ends, max, full: [] });
      for (const runId of ended) held.delete(runId);
      for (const run of runs) held.set(run.taken.runId, run);
      return { lost: [...lost], runs: runs.map(({ taken: { orgId, runId, memoryMb, agent }, chargedSeconds }) => ({ orgId, runId, memoryMb, agent, chargedSeconds })) };
    };
  }

  #giveBack(): Step {
    const runIds = [...this.#model.held.keys()].filter(() => this.#random() < 0.2);
    const next: AdjustmentNext = this.#of([{ kind: 'returned' }, { kind: 'parked', untilMs: this.#soonMs() }] as const);
    return async ({ readySet, jobs, held }) => {
      for (const runId of runIds) {
        const { taken: { orgId, leaseToken, memoryMb }, chargedSeconds } = held.get(runId)!;
        await jobs.giveBack(orgId, runId, leaseToken);
        held.delete(runId);
        await readySet.adjust([{ orgId, chargeSeconds: -chargedSeconds, freedMb: memoryMb, next }]);
      }
    };
  }

  #accrue(): Step {
    const adjustments = ORGANIZATIONS.filter(() => this.#random() < 0.3).map((orgId) => ({ orgId, chargeSeconds: this.#upTo(64) / 64, freedMb: 0, next: { kind: 'running' as const } }));
    return ({ readySet }) => readySet.adjust(adjustments);
  }

  #setLimits(): Step {
    const orgId = this.#of(ORGANIZATIONS);
    const patch = this.#of<Partial<OrganizationLimits>>([
      { weight: this.#of([0.5, 1, 2, 4]) }, { maxConcurrency: this.#of([null, 1, 2]) }, { maxMemoryInFlightMb: this.#of([null, 128, 512]) },
      { paused: true }, { paused: false }, { weight: 1, maxConcurrency: null, maxMemoryInFlightMb: null, paused: false },
    ]);
    const heldMb = [...this.#model.held.values()].filter(({ taken }) => taken.orgId === orgId).reduce((sum, { taken }) => sum + taken.memoryMb, 0);
    return async ({ readySet, jobs }) => {
      await jobs.setLimits(orgId, patch);
      await readySet.setLimits(orgId, patch, heldMb);
    };
  }

  #markReady(): Step {
    const orgIds = ORGANIZATIONS.filter(() => this.#random() < 0.4);
    return ({ readySet }) => readySet.markReady(orgIds);
  }

  #newRun(orgId: string): EnqueuedRun {
    this.#runs += 1;
    const agent = this.#of(['one', 'two', undefined]);
    return { orgId, runId: `run_${this.#runs}`, memoryMb: this.#of([64, 128, 256]), delayMs: 0, ...(agent === undefined ? {} : { agent }) };
  }

  /** Half of them are so small that an organization is given several runs in a row. */
  #cost(): number | null {
    if (this.#random() > 0.8) return null;
    return this.#random() < 0.5 ? this.#upTo(64) / 64 : this.#upTo(4) / 1024;
  }

  #soonMs(): number {
    return this.#clock.nowMs() + this.#upTo(200);
  }

  #upTo(most: number): number {
    return Math.floor(this.#random() * (most + 1));
  }

  #of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!;
  }
}

async function stateOn(client: Redis, prefix: string): Promise<unknown> {
  const key = (name: string): string => `${prefix}::ready:{shard-0}:${name}`;
  const scores = async (name: string) => numbers(await client.zrange(key(name), '0', '-1', 'WITHSCORES'));
  const offered = await scores('ready');
  const left = Object.entries(await client.hgetall(key('vtime'))).filter(([orgId]) => !(orgId in offered));
  const kept = Object.fromEntries(left.map(([orgId, time]) => [orgId, Number(time)]));
  return { offered, kept, parked: await scores('parked'), reached: Number((await client.get(key('clock'))) ?? 0) };
}

/** Of a flat list of names and numbers. */
function numbers(flat: readonly string[]): Record<string, number> {
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, Number(flat[i + 1])]] : [])));
}

describe.each(ONE_SERVER_REDIS)('a turn on %s, which takes many runs in one script', (backend) => {
  let bench: QueueBench;
  let url: string;
  let admin: Redis;
  beforeAll(async () => {
    bench = await openQueueBench(backend);
    url = bench.url;
    admin = new Redis(url);
  });
  afterAll(async () => {
    await admin.quit();
    await bench.drop();
  });

  it.each(Array.from({ length: 12 }, (_, seed) => seed))('comes to what the model does one by one, step by step (seed %i)', async (seed) => {
    const clock = new VirtualClock(Date.now());
    const memory = new MemoryDispatch(clock);
    const model: Side = { dispatch: memory, readySet: memory.readySet, jobs: memory.jobs, held: new Map() };
    const prefix = testPrefix();
    const open = await openRedisDispatch({ url, prefix, clock, log: silentLogger });
    const redis: Side = { dispatch: open.dispatch, readySet: open.readySet, jobs: open.jobs, held: new Map() };
    const steps = new Steps(createRandom(seed), clock, model);
    try {
      let takenRuns = 0;
      for (let i = 0; i < STEPS; i += 1) {
        const step = steps.next();
        const onRedis = step(redis);
        const [expected, got] = [await step(model), await onRedis];
        expect({ step: i, did: got }).toEqual({ step: i, did: expected });
        expect({ step: i, state: await stateOn(admin, prefix) }).toEqual({ step: i, state: memory.readySet.state });
        takenRuns += (expected as { runs?: unknown[] } | undefined)?.runs?.length ?? 0;
      }
      expect(takenRuns).toBeGreaterThan(100);
    } finally {
      await open.close(Deadline.in(5000));
      for await (const keys of admin.scanStream({ match: `${prefix}:*`, count: 1000 })) if ((keys as string[]).length > 0) await admin.unlink(...(keys as string[]));
    }
  });
});
