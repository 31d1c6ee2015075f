import { describe, expect, it } from '@jest/globals';
import type { WorkerSnapshot } from '@bullpen/core';

import { isolationRows } from './isolation-rows.ts';

const tier = (name: 'basic' | 'enhanced' | 'strict', isBuilt: boolean, achieved = 'a wall') => ({ tier: name, isBuilt, target: 'a wall', achieved, cases: [] });
const worker = (platform: string, ...tiers: ReturnType<typeof tier>[]) => ({ id: 'wkr_1', host: 'a', platform, isolation: { at: '2026-01-01T00:00:00.000Z', probes: [], tiers } }) as unknown as WorkerSnapshot;

describe('the isolation of a worker', () => {
  it('is at its target, weaker than it, or refused, tier by tier', () => {
    const rows = isolationRows([worker('linux x64', tier('basic', true), tier('enhanced', true, 'half a wall'), tier('strict', false, 'nothing'))]);
    expect(rows.map(({ tier: name, level }) => [name, level])).toEqual([['basic', 'target'], ['enhanced', 'weaker'], ['strict', 'refused']]);
  });

  it('is for development only on other systems than Linux', () => {
    expect(isolationRows([worker('darwin arm64', tier('basic', true), tier('strict', false))]).map(({ level }) => level)).toEqual(['development', 'refused']);
  });

  it('is not known of a worker that has not told', () => {
    expect(isolationRows([{ id: 'wkr_2', host: 'b', platform: 'linux x64' } as WorkerSnapshot])).toEqual([]);
  });
});
