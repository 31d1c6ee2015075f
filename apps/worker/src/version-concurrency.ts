import { messageOf, type Logger } from '@bullpen/core';
import { adminEnterVersion, adminListTurnedAway, resolveVersion, type Database } from '@bullpen/db';
import type { RunQueue, TakenRun } from '@bullpen/queue';

const MOST_REMEMBERED = 5000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 5000;
/** Some of those that were turned away may be asking just now. */
const MOST_TRIED = 8;

export interface VersionConcurrencyDeps {
  db: Database;
  queue: Pick<RunQueue, 'bringForward'>;
  log: Logger;
  random: () => number;
}

type RunOfVersion = Pick<TakenRun, 'orgId' | 'runId' | 'agent' | 'version'>;

/**
 * Holds versions to the `concurrency` of their manifests, over all workers: Postgres says who may. A run that may not goes
 * back into the queue as a delayed one, so that it holds up nobody. Whoever leaves a place brings the next one forward; for
 * what that misses (a worker that dies, a run that is just being turned away) each also asks again by itself: the more often
 * it was turned away here, the later, up to five seconds.
 */
export class VersionConcurrency {
  readonly #deps: VersionConcurrencyDeps;
  /** Versions never change, so what one declares is read once. */
  readonly #limits = new Map<string, number | null>();
  readonly #turnedAway = new Map<string, number>();

  constructor(deps: VersionConcurrencyDeps) {
    this.#deps = deps;
  }

  /** How long the run must wait before it asks again, ms; null where it may be claimed now. */
  async waitMs({ orgId, runId, agent, version }: RunOfVersion): Promise<number | null> {
    if (agent === undefined || version === undefined) return null;
    const most = await this.#limitOf(orgId, agent, version);
    if (most === null) return null;
    if (await adminEnterVersion(this.#deps.db, { orgId, runId, agent, version, most })) {
      this.#turnedAway.delete(runId);
      return null;
    }
    const times = this.#turnedAway.get(runId) ?? 0;
    if (this.#turnedAway.size >= MOST_REMEMBERED) this.#turnedAway.clear();
    this.#turnedAway.set(runId, times + 1);
    return Math.round(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** times) * (0.5 + this.#deps.random() / 2));
  }

  /** The run is not executed any more: the next one of its version that was turned away may be taken at once. Never rejects. */
  async left({ orgId, runId, agent, version }: RunOfVersion): Promise<void> {
    if (agent === undefined || version === undefined) return;
    try {
      if ((await this.#limitOf(orgId, agent, version)) === null) return;
      for (const next of await adminListTurnedAway(this.#deps.db, { orgId, agent, version }, MOST_TRIED)) {
        if (next !== runId && (await this.#deps.queue.bringForward(orgId, next))) return;
      }
    } catch (error) {
      this.#deps.log.warn({ orgId, agent, version, reason: messageOf(error) }, 'version.next_not_brought_forward');
    }
  }

  async #limitOf(orgId: string, agent: string, version: number): Promise<number | null> {
    const key = `${orgId}/${agent}/${version}`;
    const known = this.#limits.get(key);
    if (known !== undefined) return known;
    const { manifest } = await resolveVersion(this.#deps.db, orgId, agent, version);
    const most = manifest.concurrency ?? null;
    if (this.#limits.size >= MOST_REMEMBERED) this.#limits.clear();
    this.#limits.set(key, most);
    return most;
  }
}
