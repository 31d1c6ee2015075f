import { runtimeMetricsQuerySchema, type Clock, type RunFigures } from '@bullpen/core';
import { adminReadKills, type Database } from '@bullpen/db';
import { readRuntimeMetrics } from '@bullpen/metrics';

/** What ran lately, and what is usual: what health is judged by. */
export interface RecentFigures {
  total: RunFigures | null;
  recent: ReadonlyMap<string, RunFigures>;
  usual: ReadonlyMap<string, RunFigures>;
  killed: ReadonlyMap<string, number>;
}

const RECENT_MS = 300_000;
const DAY_MS = 86_400_000;
const REFRESH_RECENT_MS = 10_000;
const REFRESH_USUAL_MS = 600_000;

/** Reads them at most every ten seconds, and what is usual every ten minutes: they change slowly and are asked for often. */
export class RecentFiguresReader {
  readonly #deps: { db: Database; clock: Clock };
  #figures: RecentFigures = { total: null, recent: new Map(), usual: new Map(), killed: new Map() };
  #recentAtMs = -Infinity;
  #usualAtMs = -Infinity;

  constructor(deps: { db: Database; clock: Clock }) {
    this.#deps = deps;
  }

  async read(): Promise<RecentFigures> {
    const { db, clock } = this.#deps;
    const startedMs = clock.monotonicMs();
    if (startedMs - this.#usualAtMs >= REFRESH_USUAL_MS) {
      this.#usualAtMs = startedMs;
      this.#figures = { ...this.#figures, usual: (await this.#ofOrganizations(DAY_MS)).byId };
    }
    if (startedMs - this.#recentAtMs >= REFRESH_RECENT_MS) {
      this.#recentAtMs = startedMs;
      const nowMs = clock.nowMs();
      const [{ total, byId }, kills] = await Promise.all([this.#ofOrganizations(RECENT_MS), adminReadKills(db, { fromMs: nowMs - RECENT_MS, toMs: nowMs })]);
      this.#figures = { ...this.#figures, total, recent: byId, killed: new Map(kills.map(({ subject, value }) => [subject, value])) };
    }
    return this.#figures;
  }

  async #ofOrganizations(windowMs: number): Promise<{ total: RunFigures; byId: Map<string, RunFigures> }> {
    const { total, organizations } = await readRuntimeMetrics(this.#deps, runtimeMetricsQuerySchema.parse({ windowMs, limit: 1000 }));
    return { total, byId: new Map(organizations.map(({ orgId, ...figures }) => [orgId, figures])) };
  }
}
