import { resolveVersion, adminEnterVersion, type Database } from '@bullpen/db';
import type { TakenRun } from '@bullpen/queue';

const MOST_REMEMBERED = 5000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2000;

/**
 * Holds versions to the `concurrency` of their manifests, over all workers: Postgres says who may. A run that may not goes
 * back into the queue as a delayed one, so that it holds up nobody, and asks again: the more often it was turned away
 * here, the later, up to two seconds.
 */
export class VersionConcurrency {
  readonly #db: Database;
  readonly #random: () => number;
  /** Versions never change, so what one declares is read once. */
  readonly #limits = new Map<string, number | null>();
  readonly #turnedAway = new Map<string, number>();

  constructor({ db, random }: { db: Database; random: () => number }) {
    this.#db = db;
    this.#random = random;
  }

  /** How long the run must wait before it asks again, ms; null where it may be claimed now. */
  async waitMs({ orgId, runId, agent, version }: TakenRun): Promise<number | null> {
    if (agent === undefined || version === undefined) return null;
    const most = await this.#limitOf(orgId, agent, version);
    if (most === null) return null;
    if (await adminEnterVersion(this.#db, { orgId, runId, agent, version, most })) {
      this.#turnedAway.delete(runId);
      return null;
    }
    const times = this.#turnedAway.get(runId) ?? 0;
    if (this.#turnedAway.size >= MOST_REMEMBERED) this.#turnedAway.clear();
    this.#turnedAway.set(runId, times + 1);
    return Math.round(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** times) * (0.5 + this.#random() / 2));
  }

  async #limitOf(orgId: string, agent: string, version: number): Promise<number | null> {
    const key = `${orgId}/${agent}/${version}`;
    const known = this.#limits.get(key);
    if (known !== undefined) return known;
    const { manifest } = await resolveVersion(this.#db, orgId, agent, version);
    const most = manifest.concurrency ?? null;
    if (this.#limits.size >= MOST_REMEMBERED) this.#limits.clear();
    this.#limits.set(key, most);
    return most;
  }
}
