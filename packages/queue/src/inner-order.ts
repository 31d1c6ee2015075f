import type { EnqueuedRun } from '@bullpen/core';

import type { RunGroup } from './dispatch.ts';

/**
 * In which order the runs of one organization are taken: by priority, and among runs of one priority by start-time fair
 * queueing (Goyal, Vin and Cheng, 1996) over their fairness keys. Each (priority, key) is a flow; a run starts where the
 * run before it in its flow finished, or at the start of the run that is next in line, whichever is later. So a key with a
 * thousand waiting runs and a key with one alternate. The starts are BullMQ priorities. Pure.
 *
 * Organizations are charged as a whole, so splitting into many keys changes the order inside only.
 */

/** BullMQ takes priorities up to 2^21 - 1; 0 is for runs without an order, which come first. */
const HIGHEST_BULL_PRIORITY = 2 ** 21 - 1;
const PRIORITIES = 10;
const DEFAULT_PRIORITY = 5;
/** Starts per priority. A backlog that gets there saturates: from then on it is taken in the order of arrival. */
export const BAND_SIZE = Math.floor(HIGHEST_BULL_PRIORITY / PRIORITIES);

/** What a flow asks for: room for runs, one after the other. */
export interface FlowDemand {
  readonly flow: string;
  /** 0 for the first priority. */
  readonly band: number;
  readonly runs: number;
}

/** Whether a run says anything about its order. */
export function hasOrder(run: EnqueuedRun): boolean {
  return run.fairnessKey !== undefined || (run.priority !== undefined && run.priority !== DEFAULT_PRIORITY);
}

/** One demand for each flow among the runs. */
export function demandsOf(runs: readonly EnqueuedRun[]): FlowDemand[] {
  return [...Map.groupBy(runs, flowOf)].map(([flow, some]) => ({ flow, band: bandOf(some[0]!), runs: some.length }));
}

/**
 * BullMQ priorities of the runs, in their order.
 * @param starts - where each flow's room begins, counted from the start of its band
 */
export function bullPriorities(runs: readonly EnqueuedRun[], starts: ReadonlyMap<string, number>): number[] {
  const next = new Map(starts);
  return runs.map((run) => {
    const flow = flowOf(run);
    const start = next.get(flow) ?? 0;
    next.set(flow, start + 1);
    return 1 + bandOf(run) * BAND_SIZE + Math.min(start, BAND_SIZE - 1);
  });
}

function bandOf({ priority = DEFAULT_PRIORITY }: EnqueuedRun): number {
  return Math.min(PRIORITIES, Math.max(1, Math.round(priority))) - 1;
}

function flowOf(run: EnqueuedRun): string {
  return `${bandOf(run)}:${run.fairnessKey ?? ''}`;
}

/** Keeps where each flow of an organization finishes, until the organization has nothing with an order waiting. */
export interface InnerOrderStore {
  /** Those that may have runs with an order waiting, so that a run without must get one too. */
  ordered(orgIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Makes room in each flow. @returns where the room begins, by flow */
  extend(orgId: string, demands: readonly FlowDemand[]): Promise<Map<string, number>>;
}

/** For how long an organization that had no order is taken to have none. */
const REMEMBER_MS = 5000;
const MAX_REMEMBERED = 100_000;

/**
 * Gives runs their BullMQ priorities; 0, which is plain order of arrival, to organizations that never use priority or
 * fairness keys. Such an organization is looked up every five seconds; what it enqueues within them, while another process
 * uses its first key, comes before that.
 */
export class InnerOrder {
  readonly #store: InnerOrderStore;
  readonly #nowMs: () => number;
  readonly #plainUntilMs = new Map<string, number>();

  constructor(store: InnerOrderStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** What is to be added, with the order in which it is taken. */
  async groupsOf(byOrganization: ReadonlyMap<string, readonly EnqueuedRun[]>): Promise<RunGroup[]> {
    const groups = [...byOrganization];
    const plain = await this.#plainOf(groups.filter(([, runs]) => !runs.some(hasOrder)).map(([orgId]) => orgId));
    return Promise.all(groups.map(async ([orgId, runs]) => {
      return { orgId, runs, priorities: plain.has(orgId) ? runs.map(() => 0) : await this.#inOrder(orgId, runs) };
    }));
  }

  async #inOrder(orgId: string, runs: readonly EnqueuedRun[]): Promise<number[]> {
    this.#plainUntilMs.delete(orgId);
    return bullPriorities(runs, await this.#store.extend(orgId, demandsOf(runs)));
  }

  /** Those that have no order. One look for all of them that were not looked up lately. */
  async #plainOf(orgIds: readonly string[]): Promise<ReadonlySet<string>> {
    const nowMs = this.#nowMs();
    const isUnknown = (orgId: string): boolean => (this.#plainUntilMs.get(orgId) ?? 0) <= nowMs;
    const unknown = orgIds.filter(isUnknown);
    if (unknown.length === 0) return new Set(orgIds);
    const ordered = await this.#store.ordered(unknown);
    if (this.#plainUntilMs.size + unknown.length > MAX_REMEMBERED) this.#plainUntilMs.clear();
    for (const orgId of unknown) if (!ordered.has(orgId)) this.#plainUntilMs.set(orgId, nowMs + REMEMBER_MS);
    return new Set(orgIds.filter((orgId) => !ordered.has(orgId)));
  }
}
