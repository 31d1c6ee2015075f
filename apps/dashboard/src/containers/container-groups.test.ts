import type { ContainerSnapshot, OrganizationRuntimeSnapshot, WorkerSnapshot } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { containerGroups } from './container-groups.ts';

const container = (id: string, orgId: string, state: ContainerSnapshot['state']): ContainerSnapshot =>
  ({ id, orgId, state, tier: 'basic', death: null, limitMb: 64, heapMb: 1, externalMb: 1, cpuMs: 1, runs: 1, runId: null, ageMs: 1, reserveMb: 64, baselineMb: 0, eventLoopDelayMs: null, health: { score: 100, reason: '', components: [] } });
const runtime = (orgId: string, containers: ContainerSnapshot[], deaths: OrganizationRuntimeSnapshot['deaths'] = {}): OrganizationRuntimeSnapshot =>
  ({ orgId, poolMb: 1024, reservedMb: 64, containers, deaths });
const worker = (pid: number, organizations: OrganizationRuntimeSnapshot[]) => ({ id: `wkr_${pid}`, host: 'node-a', pid, organizations }) as WorkerSnapshot;

describe('containers by organization', () => {
  const groups = containerGroups([
    worker(1, [runtime('acme', [container('a', 'acme', 'warm')], { idle: 2, crashed: 0 }), runtime('empty', [])]),
    worker(2, [runtime('acme', [container('b', 'acme', 'warm')], { idle: 1, timed_out: 1 }), runtime('birch', [container('c', 'birch', 'busy')])]),
    worker(3, [runtime('cedar', [], { out_of_memory: 1 })]),
  ]);

  it('puts the containers of all workers together and says where each one is', () => {
    expect(groups.find(({ orgId }) => orgId === 'acme')?.containers.map(({ id, place }) => [id, place])).toEqual([['a', 'node-a:1'], ['b', 'node-a:2']]);
  });

  it('adds the deaths up by reason', () => {
    expect(groups.find(({ orgId }) => orgId === 'acme')?.deaths).toEqual({ idle: 3, timed_out: 1 });
  });

  it('shows the busy first, keeps an organization that only has deaths, and leaves out one with nothing', () => {
    expect(groups.map(({ orgId }) => orgId)).toEqual(['birch', 'acme', 'cedar']);
  });
});
