import { describe, expect, it } from '@jest/globals';
import type { EnqueuedRun } from '@bullpen/core';

import { BAND_SIZE, InnerOrder, bullPriorities, demandsOf, type FlowDemand, type InnerOrderStore } from './inner-order.ts';

let count = 0;
const run = (fairnessKey?: string, priority?: number): EnqueuedRun => ({
  orgId: 'a', runId: `r${(count += 1)}`, memoryMb: 64, delayMs: 0, ...(fairnessKey === undefined ? {} : { fairnessKey }), ...(priority === undefined ? {} : { priority }),
});

/** A store in memory in which nothing is ever taken. */
function storeOf() {
  const finishes = new Map<string, number>();
  const looks: string[][] = [];
  const store: InnerOrderStore = {
    ordered: async (orgIds) => {
      looks.push([...orgIds]);
      return new Set(finishes.size > 0 ? ['a'] : []);
    },
    extend: async (_, demands: readonly FlowDemand[]) => new Map(demands.map(({ flow, runs }) => {
      const start = finishes.get(flow) ?? 0;
      finishes.set(flow, start + runs);
      return [flow, start];
    })),
  };
  return { store, looks };
}

/** BullMQ priorities of runs of organization a. */
async function prioritiesOf(order: InnerOrder, runs: readonly EnqueuedRun[]): Promise<readonly number[]> {
  return (await order.groupsOf(new Map([['a', runs]])))[0]!.priorities;
}

describe('the order inside an organization', () => {
  it('alternates between keys, however many runs one of them has', () => {
    const flood = Array.from({ length: 1000 }, () => run('flood'));
    const light = [run('light'), run('light')];
    const runs = [...flood, ...light];
    const starts = new Map(demandsOf(runs).map(({ flow }) => [flow, 0]));
    const priorities = bullPriorities(runs, starts);
    const order = runs.map((_, i) => i).sort((a, b) => priorities[a]! - priorities[b]! || a - b);
    expect(order.slice(0, 5)).toEqual([0, 1000, 1, 1001, 2]);
  });

  it('puts each priority before the next, whatever the keys', () => {
    const [late, early, middle] = bullPriorities([run('a', 10), run('b', 1), run()], new Map([['9:a', 0], ['0:b', BAND_SIZE * 3], ['4:', 7]]));
    expect(early!).toBeLessThan(middle!);
    expect(middle!).toBeLessThan(late!);
  });

  it('stays within what BullMQ takes, however long the backlog', () => {
    const priorities = bullPriorities([run('a', 10), run('a', 10), run('a', 1)], new Map([['9:a', 1e9], ['0:a', 0]]));
    expect(Math.max(...priorities)).toBeLessThanOrEqual(2 ** 21 - 1);
    expect(priorities[0]).toBe(priorities[1]);
    expect(priorities[2]).toBe(1);
  });

  it('asks once for each flow', () => {
    expect(demandsOf([run('x'), run('y'), run('x'), run('x', 1)])).toEqual([
      { flow: '4:x', band: 4, runs: 2 }, { flow: '4:y', band: 4, runs: 1 }, { flow: '0:x', band: 0, runs: 1 },
    ]);
  });

  it('is none for who never asked for one, at one look in five seconds', async () => {
    const { store, looks } = storeOf();
    let nowMs = 0;
    const order = new InnerOrder(store, () => nowMs);
    expect(await prioritiesOf(order, [run(), run()])).toEqual([0, 0]);
    expect(await prioritiesOf(order, [run(undefined, 5)])).toEqual([0]);
    expect(looks).toHaveLength(1);
    nowMs += 5001;
    await prioritiesOf(order, [run()]);
    expect(looks).toHaveLength(2);
  });

  it('is looked up for all organizations at once, and only for those that were not lately', async () => {
    const { store, looks } = storeOf();
    const order = new InnerOrder(store, () => 0);
    await prioritiesOf(order, [run()]);
    const groups = await order.groupsOf(new Map([['a', [run()]], ['b', [run()]], ['c', [run(), run()]]]));
    expect(looks).toEqual([['a'], ['b', 'c']]);
    expect(groups.map(({ orgId, priorities }) => [orgId, priorities])).toEqual([['a', [0]], ['b', [0]], ['c', [0, 0]]]);
  });

  it('takes in runs without a key as soon as there are some with', async () => {
    const order = new InnerOrder(storeOf().store, () => 0);
    expect(await prioritiesOf(order, [run()])).toEqual([0]);
    const [keyed] = await prioritiesOf(order, [run('x')]);
    const [plain] = await prioritiesOf(order, [run()]);
    expect(plain).toBe(keyed);
  });
});
