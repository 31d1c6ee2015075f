import type { AgentVersion, NewRun } from '@bullpen/core';
import { resolveRunVersions, type Database, type ResolvedVersion, type WantedOfOrganization } from '@bullpen/db';

import { gather } from './gather.ts';

/** A version for a run, and what has to be true still when that is written. */
export type TakenVersion = Pick<NewRun, 'assumed'> & { readonly version: AgentVersion };

const GATHER = { most: 500, parallel: 2 };
const MAX_REMEMBERED = 5000;

/**
 * The versions that runs take. One that is remembered spares a run its first round trip to Postgres: what was assumed of it is
 * checked by the statement that writes the run (`NewRun.assumed`), so none is given a version that a deployment has
 * replaced, in whichever process that was. Of a canary nothing is remembered: each run draws.
 */
export class VersionDirectory {
  readonly #read: (wanted: WantedOfOrganization) => Promise<ResolvedVersion>;
  readonly #remembered = new Map<string, AgentVersion>();

  constructor({ db }: { db: Database }) {
    // In a crowd one statement serves many runs; alone each goes at once.
    this.#read = gather((wanted) => resolveRunVersions(db, wanted), GATHER);
  }

  /** As it was when it was last looked up; null where it is not remembered. */
  remembered(wanted: WantedOfOrganization): TakenVersion | null {
    const version = this.#remembered.get(keyOf(wanted));
    if (version === undefined) return null;
    return wanted.version === undefined ? { version, assumed: { deployment: wanted.deployment ?? null } } : { version };
  }

  /** As it is now. @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND, INVALID_REQUEST */
  async lookedUp(wanted: WantedOfOrganization): Promise<AgentVersion> {
    const key = keyOf(wanted);
    const found = await this.#read(wanted);
    if (!found.ok || found.isDrawn) this.#remembered.delete(key);
    else this.#remember(key, found.version);
    if (!found.ok) throw found.error;
    return found.version;
  }

  #remember(key: string, version: AgentVersion): void {
    if (this.#remembered.size >= MAX_REMEMBERED && !this.#remembered.has(key)) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(key, version);
  }
}

/** A fairness key chooses among a canary's versions, and those are not remembered. */
function keyOf({ orgId, agent, version, deployment }: WantedOfOrganization): string {
  return JSON.stringify([orgId, agent, version, deployment]);
}
