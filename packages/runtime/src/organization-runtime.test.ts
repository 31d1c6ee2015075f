import { describe, expect, it, jest } from '@jest/globals';
import { silentLogger, systemClock, type AttemptOutcome, type Clock, type ContainerDeath, type ContainerState } from '@bullpen/core';

import type { ContainerPlan, RuntimeContainer } from './container.ts';
import { EngineLostError } from './engine.ts';
import { IdleContainers } from './idle-containers.ts';
import { OrganizationRuntime } from './organization-runtime.ts';
import { NO_USAGE } from './outcomes.ts';

/** A container without a thread. It is gone when the test says so. */
class FakeContainer implements RuntimeContainer {
  readonly id = 'ctr_fake';
  readonly tier = 'basic' as const;
  readonly orgId: string;
  readonly limitMb: number;
  readonly warm = new Set<string>();
  heapMb = 0;
  state: ContainerState = 'starting';
  death: ContainerDeath | null = null;
  readonly #gone = Promise.withResolvers<void>();

  constructor({ orgId, limitMb }: ContainerPlan) {
    this.orgId = orgId;
    this.limitMb = limitMb;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  hasWarm(sha256: string): boolean {
    return this.warm.has(sha256);
  }

  async start(): Promise<void> {
    this.state = 'warm';
  }

  async settled(): Promise<boolean> {
    return this.state === 'warm';
  }

  async execute(): Promise<AttemptOutcome> {
    return { kind: 'succeeded', resultJson: 'null', usage: NO_USAGE };
  }

  async kill(death: ContainerDeath): Promise<void> {
    this.death ??= death;
    this.state = 'recycling';
    await this.gone;
  }

  vanish(): void {
    this.state = 'dead';
    this.#gone.resolve();
  }

  snapshot() {
    const { id, orgId, tier, state, death, limitMb, heapMb } = this;
    return { id, orgId, tier, state, death, limitMb, heapMb, externalMb: 0, cpuMs: 0, runs: 0, runId: null, ageMs: 0, baselineMb: 0, eventLoopDelayMs: null, health: { score: 100, reason: '', components: [] } };
  }
}

function organization(poolMb: number, clock: Clock = systemClock) {
  const made: FakeContainer[] = [];
  const idle = new IdleContainers(100);
  const runtime = new OrganizationRuntime({ orgId: 'acme', poolMb: () => poolMb, idle, clock, log: silentLogger });
  const factory = (plan: ContainerPlan) => {
    const container = new FakeContainer(plan);
    made.push(container);
    return container;
  };
  const claim = (memoryMb: number, sha256 = 'a', reserveMb = memoryMb) =>
    runtime.claim({ memoryMb, reserveMb, sha256, tier: 'basic', factory, isAlone: false, interrupt: new AbortController().signal }) as Promise<FakeContainer>;
  const heldMb = () => made.reduce((sum, { state, limitMb }) => sum + (state === 'dead' ? 0 : limitMb), 0);
  return { runtime, made, idle, claim, heldMb };
}

describe('the memory pool of an organization', () => {
  it('admits until it is full, and again when something ends', async () => {
    const { runtime, claim } = organization(128);
    expect([runtime.admit(64), runtime.admit(64), runtime.admit(16)]).toEqual([true, true, false]);
    runtime.withdraw(64);
    expect(runtime.admit(64)).toBe(true);
    runtime.unclaim(await claim(64));
    expect(runtime.admit(64)).toBe(true);
    expect(runtime.reservedMb).toBe(128);
  });

  it('uses an idle container again and counts it once', async () => {
    const { runtime, claim, made } = organization(64);
    runtime.admit(64);
    runtime.unclaim(await claim(64));
    expect(runtime.admit(64)).toBe(true);
    expect(runtime.reservedMb).toBe(64);
    expect(await claim(64)).toBe(made[0]);
  });

  it('starts another container where an operator ended the first one while it started', async () => {
    const { runtime, claim, made } = organization(64);
    const start = jest.spyOn(FakeContainer.prototype, 'start').mockImplementationOnce(async function killed(this: FakeContainer) {
      this.death = 'killed';
      this.vanish();
      throw new Error('it was ended while it started');
    });
    try {
      runtime.admit(64);
      expect(await claim(64)).toBe(made[1]);
    } finally {
      start.mockRestore();
    }
  });

  it('starts another container where what the first one started in ended meanwhile, and not where it cannot start', async () => {
    const { runtime, claim, made } = organization(64);
    const start = jest.spyOn(FakeContainer.prototype, 'start');
    const failOnce = (cause: Error) => start.mockImplementationOnce(async function fail(this: FakeContainer) {
      this.death = 'exited';
      this.vanish();
      throw new Error('it could not start', { cause });
    });
    try {
      runtime.admit(64);
      failOnce(new EngineLostError('its cell was lost'));
      expect(await claim(64)).toBe(made[1]);
      runtime.unclaim(made[1]!);
      made[1]!.death = 'evicted';
      made[1]!.vanish();
      await made[1]!.gone;
      runtime.admit(64);
      failOnce(new Error('no such program'));
      await expect(claim(64)).rejects.toThrow('it could not start');
      expect(made).toHaveLength(3);
    } finally {
      start.mockRestore();
    }
  });

  it('prefers the container that has the bundle warm', async () => {
    const { runtime, claim } = organization(192);
    const byBundle = new Map<string, FakeContainer>();
    for (const sha256 of ['a', 'b', 'c']) {
      runtime.admit(64);
      const container = await claim(64, sha256);
      container.warm.add(sha256);
      byBundle.set(sha256, container);
    }
    for (const container of byBundle.values()) runtime.unclaim(container);
    for (const sha256 of ['b', 'c', 'a']) {
      runtime.admit(64);
      expect(await claim(64, sha256)).toBe(byBundle.get(sha256));
    }
  });

  it('ends an idle container of another size to make room, and starts the new one when it is gone', async () => {
    const { runtime, claim, made, heldMb } = organization(128);
    runtime.admit(96);
    runtime.unclaim(await claim(96));
    expect(runtime.admit(64)).toBe(true);
    expect(made[0]?.death).toBe('evicted');
    const claimed = claim(64);
    expect(heldMb()).toBe(96);
    made[0]?.vanish();
    expect((await claimed).limitMb).toBe(64);
    expect(heldMb()).toBe(64);
    expect(runtime.snapshot().deaths).toEqual({ evicted: 1 });
  });

  it('ends a worn-out container that takes its time at once where a run needs its room', async () => {
    const { runtime, claim } = organization(64);
    runtime.admit(64);
    const worn = await claim(64);
    worn.state = 'recycling'; // it has begun to end by itself, and is in no hurry
    worn.death = 'recycled';
    runtime.unclaim(worn);
    const kill = jest.spyOn(worn, 'kill');
    expect(runtime.admit(64)).toBe(true);
    const next = claim(64);
    await Promise.resolve();
    expect(kill).toHaveBeenCalledWith('recycled');
    worn.vanish();
    expect((await next).state).toBe('warm');
  });

  it('does not end idle containers for an admission that would not fit even then', async () => {
    const { runtime, claim, made } = organization(128);
    runtime.admit(64);
    runtime.admit(64);
    const busy = await claim(64);
    runtime.unclaim(await claim(64));
    expect(busy.state).toBe('warm');
    expect(runtime.admit(96)).toBe(false);
    expect(made.map(({ death }) => death)).toEqual([null, null]);
  });

  it('holds the memory of a killed container until its thread is gone', async () => {
    const { runtime, claim } = organization(64);
    runtime.admit(64);
    const container = await claim(64);
    void container.kill('timed_out');
    runtime.unclaim(container);
    expect(runtime.admit(64)).toBe(false);
    container.vanish();
    await container.gone;
    expect(runtime.admit(64)).toBe(true);
  });

  it('does not hand out an idle container that turns out to be on its way out', async () => {
    const { runtime, claim, made } = organization(64);
    runtime.admit(64);
    const first = await claim(64);
    runtime.unclaim(first);
    runtime.admit(64);
    first.settled = async () => {
      void first.kill('recycled');
      queueMicrotask(() => first.vanish());
      return false;
    };
    expect(await claim(64)).toBe(made[1]);
  });

  it('starts no container for an attempt that was interrupted meanwhile', async () => {
    const { runtime } = organization(64);
    runtime.admit(64);
    const wanted = { memoryMb: 64, reserveMb: 64, sha256: 'a', tier: 'basic' as const, factory: () => { throw new Error('made one'); }, isAlone: false, interrupt: AbortSignal.abort('shutdown') };
    await expect(runtime.claim(wanted)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    expect(runtime.reservedMb).toBe(0);
  });

  it('is never passed, by promises or by threads, in any order of events', async () => {
    const POOL_MB = 320;
    const { runtime, claim, made, idle, heldMb } = organization(POOL_MB);
    const busy: FakeContainer[] = [];
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const check = () => {
      expect(runtime.reservedMb).toBeLessThanOrEqual(POOL_MB);
      expect(heldMb()).toBeLessThanOrEqual(POOL_MB);
    };
    let waiting = 0;
    for (let step = 0; step < 2000; step += 1) {
      const sizeMb = 32 * (1 + random(3));
      const choice = random(5);
      if (choice <= 1 && runtime.admit(sizeMb)) {
        waiting += 1;
        void claim(sizeMb, random(2) === 0 ? 'a' : `once ${step}`).then((container) => {
          waiting -= 1;
          busy.push(container);
        });
      } else if (choice === 2) {
        const container = busy.shift();
        if (container !== undefined && random(3) === 0) void container.kill('timed_out');
        if (container !== undefined) runtime.unclaim(container);
      } else if (choice === 3) made.find(({ state }) => state === 'recycling')?.vanish();
      else idle.sweep(systemClock.monotonicMs() + 10, random(20));
      await Promise.resolve();
      check();
    }
    while (waiting > 0) {
      for (const container of made) if (container.state === 'recycling') container.vanish();
      await new Promise((resolve) => { setImmediate(resolve); }); // some wait for one in use, until they are let go
      check();
    }
    expect(made.length).toBeGreaterThan(50);
  });
});

describe('an over-committed pool', () => {
  it('takes more runs than their limits would allow, up to twice the pool', async () => {
    const { runtime } = organization(256);
    expect(runtime.fits(64, 16)).toBe(true);
    for (let i = 0; i < 8; i += 1) expect(runtime.admit(64, 16)).toBe(true);
    expect(runtime.reservedMb).toBe(128);
    expect([runtime.admit(64, 16), runtime.fits(64, 16)]).toEqual([false, false]);
    runtime.withdraw(64, 16);
    expect([runtime.fits(64, 16), runtime.fits(64, 200)]).toEqual([true, false]);
  });

  it('admits nothing while what is really held is near the pool, and ends what idles', async () => {
    const { runtime, claim } = organization(256);
    for (let i = 0; i < 3; i += 1) runtime.admit(128, 16);
    const containers = await Promise.all([1, 2, 3].map(() => claim(128, 'a', 16)));
    const [idle, first, second] = containers as [FakeContainer, FakeContainer, FakeContainer];
    first.heapMb = 64;
    second.heapMb = 64;
    idle.heapMb = 103;
    expect(runtime.relieve()).toBeNull();
    expect([runtime.usedMb, runtime.admit(128, 16)]).toEqual([231, false]);
    runtime.unclaim(idle);
    expect(runtime.relieve()).toBeNull();
    expect(idle.death).toBe('evicted');
    idle.vanish();
    await idle.gone;
    expect(runtime.relieve()).toBeNull();
    expect(runtime.admit(128, 16)).toBe(true);
  });

  it('hands back the run that holds most above its reserve, the newest of equals, one after the other', async () => {
    const { runtime, claim } = organization(128);
    for (const reserveMb of [16, 16, 60]) runtime.admit(64, reserveMb);
    const oldest = await claim(64, 'a', 16);
    const newest = await claim(64, 'a', 16);
    const reserved = await claim(64, 'a', 60);
    for (const container of [oldest, newest]) container.heapMb = 50;
    reserved.heapMb = 64;
    expect(runtime.relieve()).toBe(newest);
    void newest.kill('cancelled');
    expect(runtime.relieve()).toBeNull();
    runtime.unclaim(newest);
    newest.vanish();
    await newest.gone;
    expect(runtime.relieve()).toBeNull();
    oldest.heapMb = 70;
    expect(runtime.relieve()).toBe(oldest);
  });

  it('never holds more than twice the pool, nor more than the pool for longer than the rule takes, whatever the runs hold', async () => {
    const POOL_MB = 320;
    const { runtime, claim, made } = organization(POOL_MB);
    const busy = new Set<FakeContainer>();
    let seed = 11;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const end = (container: FakeContainer) => {
      busy.delete(container);
      runtime.unclaim(container);
    };
    const usedMb = () => made.reduce((sum, { state, heapMb }) => sum + (state === 'dead' ? 0 : heapMb), 0);
    let handedBack = 0;
    const relieve = async () => {
      for (let container = runtime.relieve(); usedMb() > POOL_MB; container = runtime.relieve()) {
        if (container !== null) {
          handedBack += 1;
          void container.kill('cancelled');
          end(container as FakeContainer);
        }
        for (const one of made) if (one.state === 'recycling') one.vanish();
        await Promise.resolve();
      }
    };
    for (let step = 0; step < 3000; step += 1) {
      const limitMb = 32 * (1 + random(3));
      const reserveMb = 16 + random(16);
      if (runtime.admit(limitMb, reserveMb)) {
        const claimed = claim(limitMb, `once ${step}`, reserveMb);
        for (const container of made) if (container.state === 'recycling') container.vanish(); // evicted for its room
        busy.add(await claimed);
      }
      // A run may hold anything up to its limit, whatever it reserved.
      for (const container of busy) container.heapMb = random(container.limitMb + 1);
      expect(runtime.reservedMb).toBeLessThanOrEqual(POOL_MB);
      expect([...busy].reduce((sum, container) => sum + container.limitMb, 0)).toBeLessThanOrEqual(2 * POOL_MB);
      await relieve();
      expect(usedMb()).toBeLessThanOrEqual(POOL_MB);
      for (const container of [...busy].slice(0, random(2))) end(container);
      for (const container of made) if (container.state === 'recycling') container.vanish();
      await Promise.resolve();
    }
    expect(handedBack).toBeGreaterThan(20);
  });
});

describe('containers started ahead', () => {
  it('are as many as were in use at once lately, as far as the pool has room', async () => {
    const clock = { nowMs: Date.now, monotonicMs: () => nowMs };
    let nowMs = 0;
    const { runtime, claim, made } = organization(256, clock);
    for (let i = 0; i < 3; i += 1) runtime.admit(64);
    const used = await Promise.all([claim(64), claim(64), claim(64)]);
    for (const container of used) {
      void container.kill('timed_out');
      runtime.unclaim(container);
      container.vanish();
      await container.gone;
    }
    let starts = 0;
    runtime.warmUp(() => (starts += 1) <= 2);
    await Promise.resolve();
    expect(made.slice(3).map(({ state }) => state)).toEqual(['warm', 'warm']);
    runtime.warmUp(() => true);
    runtime.warmUp(() => true);
    expect(made).toHaveLength(6);
    runtime.admit(64);
    expect(made.slice(3)).toContain(await claim(64));
    nowMs += 120_000;
    for (const container of made) container.vanish();
    await Promise.resolve();
    runtime.warmUp(() => true);
    expect(made).toHaveLength(7); // one is in use still
  });

  it('leave the memory to whoever is admitted', async () => {
    const { runtime, claim, made } = organization(128);
    runtime.admit(64);
    const first = await claim(64);
    void first.kill('timed_out');
    runtime.unclaim(first);
    first.vanish();
    await first.gone;
    runtime.admit(128);
    runtime.warmUp(() => true);
    expect(made).toHaveLength(1);
  });
});

describe('runs of an organization that are short', () => {
  it('run behind one another in the container that is there', async () => {
    let nowMs = 0;
    const { runtime, made, claim } = organization(1024, { nowMs: () => nowMs, monotonicMs: () => nowMs });
    for (let i = 0; i < 3; i += 1) runtime.admit(64);
    const first = await claim(64);
    nowMs += 1;
    runtime.unclaim(first);
    await claim(64);
    const waiting = claim(64);
    runtime.unclaim(first);
    expect(await waiting).toBe(first);
    expect(made).toHaveLength(1);
    expect(runtime.reservedMb).toBe(64);
  });

  it('get another container where those before were long', async () => {
    let nowMs = 0;
    const { runtime, made, claim } = organization(1024, { nowMs: () => nowMs, monotonicMs: () => nowMs });
    for (let i = 0; i < 3; i += 1) runtime.admit(64);
    const first = await claim(64);
    nowMs += 500;
    runtime.unclaim(first);
    await Promise.all([claim(64), claim(64)]);
    expect(made).toHaveLength(2);
  });
});
