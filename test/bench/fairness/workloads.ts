import type { OrganizationLimits } from '@bullpen/core';

import type { BenchRun } from './scheduler.ts';

/** Organizations that all have more to run than the window holds. */
export interface Backlog {
  readonly orgIds: readonly string[];
  readonly limits: Readonly<Record<string, Partial<OrganizationLimits>>>;
  readonly runs: readonly BenchRun[];
}

interface Kind {
  readonly orgId: string;
  readonly meanMs: number;
  readonly count: number;
}

/** Every run as large; what differs is how long it takes. */
const MEMORY_MB = 256;

/** Equal organizations whose runs are 1:100 apart in length, from the shortest to the longest in even steps of a factor. */
export function mixedLengths(organizations: number, { slots, shortestMs, windowMs }: { slots: number; shortestMs: number; windowMs: number }): Backlog {
  const kinds = Array.from({ length: organizations }, (_, i) => {
    const meanMs = shortestMs * 100 ** (i / (organizations - 1));
    // Half as many again as a fair scheduler could start, and enough of the long ones for an unfair one.
    return { orgId: `mixed-${String(i).padStart(2, '0')}`, meanMs, count: Math.ceil((1.5 * windowMs * slots) / organizations / meanMs) + 300 };
  });
  return backlogOf(kinds, {});
}

export function weighted(weights: Readonly<Record<string, number>>, meanMs: number, { slots, windowMs }: { slots: number; windowMs: number }): Backlog {
  const kinds = Object.keys(weights).map((orgId) => ({ orgId, meanMs, count: Math.ceil((1.5 * windowMs * slots) / meanMs) }));
  return backlogOf(kinds, Object.fromEntries(Object.entries(weights).map(([orgId, weight]) => [orgId, { weight }])));
}

/** One organization at its cap beside a free one. */
export function capped(cap: number, meanMs: number, { slots, windowMs }: { slots: number; windowMs: number }): Backlog {
  const count = Math.ceil((1.5 * windowMs * slots) / meanMs);
  return backlogOf([{ orgId: 'capped', meanMs, count }, { orgId: 'free', meanMs, count }], { capped: { maxConcurrency: cap } });
}

/** One organization's flood. */
export function flood(count: number, meanMs: number): Backlog {
  return backlogOf([{ orgId: 'flood', meanMs, count }], {});
}

/** So many organizations that send a run now and then. */
export function lightOrganizations(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `light-${i}`);
}

/** The runs of light organizations, of each in turn. */
export function lightRun(orgIds: readonly string[], index: number, lengthMs: number): BenchRun {
  return { orgId: orgIds[index % orgIds.length]!, runId: `light-run-${index}`, lengthMs, memoryMb: MEMORY_MB };
}

/** In the order in which they are sent: one of each organization in turn, while it has any. */
function backlogOf(kinds: readonly Kind[], limits: Backlog['limits']): Backlog {
  const lanes = kinds.map(({ orgId, meanMs, count }) => Array.from({ length: count }, (_, i): BenchRun => {
    return { orgId, runId: `${orgId}-${i}`, lengthMs: meanMs * spread(i), memoryMb: MEMORY_MB };
  }));
  const longest = Math.max(...lanes.map((lane) => lane.length));
  const runs = Array.from({ length: longest }, (_, i) => lanes.flatMap((lane) => lane.slice(i, i + 1))).flat();
  return { orgIds: kinds.map((kind) => kind.orgId), limits, runs };
}

/** From half to one and a half of the mean, the same in every run of the benchmark: multiples of the golden ratio. */
function spread(index: number): number {
  return 0.5 + ((index * 0.6180339887498949) % 1);
}
