import { describe, expect, it } from '@jest/globals';
import type { ContainerDeath } from '@bullpen/core';

import type { RuntimeContainer } from './container.ts';
import { IdleContainers } from './idle-containers.ts';

/** Says of each container that is ended its name and why. */
function containers(names: string): { ended: string[]; made: RuntimeContainer[] } {
  const ended: string[] = [];
  const made = [...names].map((name) => ({ kill: async (death: ContainerDeath) => { ended.push(`${name} ${death}`); } }) as unknown as RuntimeContainer);
  return { ended, made };
}

describe('idle containers', () => {
  it('beyond their number end with the least recently used, where nobody uses that any more', () => {
    const { ended, made } = containers('abcd');
    const idle = new IdleContainers(3);
    made.forEach((container, n) => idle.add(container, n < 3 ? n : 6000));
    expect(ended).toEqual(['a evicted']);
  });

  it('that take turns end with any but the newest', () => {
    for (const [random, expected] of [[0, 'a evicted'], [0.5, 'b evicted'], [0.99, 'c evicted']] as const) {
      const { ended, made } = containers('abcd');
      const idle = new IdleContainers(3, () => random);
      made.forEach((container, n) => idle.add(container, n));
      expect(ended).toEqual([expected]);
    }
  });

  it('keep some warm for organizations that are more than they and take turns', () => {
    const { made } = containers('abcdefghijkl');
    const idle = new IdleContainers(8, seeded());
    let hits = 0;
    for (let turn = 0; turn < 1200; turn += 1) {
      const container = made[turn % made.length]!;
      if (idle.has(container)) hits += 1;
      idle.remove(container);
      idle.add(container, turn);
    }
    expect(hits).toBeGreaterThan(400);
  });

  it('end when they were not used for so long', () => {
    const { ended, made } = containers('ab');
    const idle = new IdleContainers(8);
    made.forEach((container, n) => idle.add(container, n * 500));
    idle.sweep(1000, 700);
    expect(ended).toEqual(['a idle']);
  });
});

function seeded(): () => number {
  let seed = 7;
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
}
