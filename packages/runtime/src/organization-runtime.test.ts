import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock, type AttemptOutcome, type ContainerDeath, type ContainerState } from '@bullpen/core';

import type { ContainerPlan, RuntimeContainer } from './container.ts';
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
    const { id, orgId, tier, state, death, limitMb } = this;
    return { id, orgId, tier, state, death, limitMb, heapMb: 0, externalMb: 0, cpuMs: 0, runs: 0, runId: null, ageMs: 0 };
  }
}

function organization(poolMb: number) {
  const made: FakeContainer[] = [];
  const idle = new IdleContainers(100);
  const runtime = new OrganizationRuntime({ orgId: 'acme', poolMb: () => poolMb, idle, clock: systemClock, log: silentLogger });
  const factory = (plan: ContainerPlan) => {
    const container = new FakeContainer(plan);
    made.push(container);
    return container;
  };
  const claim = (memoryMb: number, sha256 = 'a') =>
    runtime.claim({ memoryMb, sha256, tier: 'basic', factory, isAlone: false, interrupt: new AbortController().signal }) as Promise<FakeContainer>;
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
    const wanted = { memoryMb: 64, sha256: 'a', tier: 'basic' as const, factory: () => { throw new Error('made one'); }, isAlone: false, interrupt: AbortSignal.abort('shutdown') };
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
        void claim(sizeMb).then((container) => {
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
      await Promise.resolve();
      check();
    }
    expect(made.length).toBeGreaterThan(50);
  });
});
