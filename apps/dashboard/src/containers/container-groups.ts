import type { ContainerDeath, ContainerSnapshot, RuntimeStatus } from '@bullpen/core';

/** A container and the worker it lives on. */
export interface PlacedContainer extends ContainerSnapshot {
  workerId: string;
  place: string;
}

/** The containers of one organization over all workers, and how earlier ones died. */
export interface ContainerGroup {
  orgId: string;
  containers: PlacedContainer[];
  deaths: Partial<Record<ContainerDeath, number>>;
}

/** Groups the workers' snapshots by organization; the organizations with most busy containers come first. */
export function containerGroups(workers: RuntimeStatus['workers']): ContainerGroup[] {
  const groups = new Map<string, ContainerGroup>();
  for (const worker of workers) {
    for (const runtime of worker.organizations) {
      const group = groups.get(runtime.orgId) ?? { orgId: runtime.orgId, containers: [], deaths: {} };
      groups.set(runtime.orgId, group);
      group.containers.push(...runtime.containers.map((container) => ({ ...container, workerId: worker.id, place: `${worker.host}:${worker.pid}` })));
      addDeaths(group.deaths, runtime.deaths);
    }
  }
  const busy = ({ containers }: ContainerGroup): number => containers.filter(({ state }) => state === 'busy').length;
  return [...groups.values()]
    .filter(({ containers, deaths }) => containers.length > 0 || Object.keys(deaths).length > 0)
    .toSorted((a, b) => busy(b) - busy(a) || b.containers.length - a.containers.length || a.orgId.localeCompare(b.orgId, 'en', { numeric: true }));
}

function addDeaths(to: ContainerGroup['deaths'], more: ContainerGroup['deaths']): void {
  for (const [reason, count] of Object.entries(more) as [ContainerDeath, number][]) {
    if (count > 0) to[reason] = (to[reason] ?? 0) + count;
  }
}
