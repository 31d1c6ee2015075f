import type { FlowDemand, InnerOrderStore } from '../inner-order.ts';
import { BAND_SIZE } from '../inner-order.ts';
import type { MemoryJobs } from './memory-jobs.ts';

/** The flows of every organization in memory, with the rules of extend-flows.lua. */
export class MemoryInnerOrder implements InnerOrderStore {
  readonly #jobs: MemoryJobs;
  /** Of each organization: by flow, and by band, where they finish. */
  readonly #finishes = new Map<string, Map<string, number>>();

  constructor(jobs: MemoryJobs) {
    this.#jobs = jobs;
  }

  async ordered(orgIds: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(orgIds.filter((orgId) => this.#finishes.has(orgId)));
  }

  async extend(orgId: string, demands: readonly FlowDemand[]): Promise<Map<string, number>> {
    // With nothing waiting the order starts anew.
    if (this.#jobs.ordered(orgId) === null) this.#finishes.delete(orgId);
    const finishes = this.#finishes.get(orgId) ?? new Map<string, number>();
    this.#finishes.set(orgId, finishes);
    const starts = new Map<string, number>();
    for (const { flow, band, runs } of demands) {
      const start = Math.max(this.#line(orgId, band, finishes), finishes.get(flow) ?? 0);
      finishes.set(flow, start + runs);
      finishes.set(String(band), Math.max(start + runs, finishes.get(String(band)) ?? 0));
      starts.set(flow, start);
    }
    return starts;
  }

  /** Where the run next in line in the band starts; without one, the last finish in the band. */
  #line(orgId: string, band: number, finishes: ReadonlyMap<string, number>): number {
    const from = 1 + band * BAND_SIZE;
    const lowest = this.#jobs.ordered(orgId)?.lowestFrom(from, from + BAND_SIZE) ?? null;
    return lowest === null ? (finishes.get(String(band)) ?? 0) : lowest - from;
  }
}
