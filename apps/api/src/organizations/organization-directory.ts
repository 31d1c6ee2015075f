import type { Clock, Organization } from '@bullpen/core';
import { getOrganization, type Database } from '@bullpen/db';

const MAX_REMEMBERED = 10_000;

/** Organizations as Postgres has them, remembered for `rememberMs`: their caps are read on every run that is posted. */
export class OrganizationDirectory {
  readonly #deps: { db: Database; clock: Clock; rememberMs: number };
  readonly #remembered = new Map<string, { organization: Organization; untilMs: number }>();

  constructor(deps: { db: Database; clock: Clock; rememberMs: number }) {
    this.#deps = deps;
  }

  /** @throws BullpenError NOT_FOUND */
  async get(orgId: string): Promise<Organization> {
    const now = this.#deps.clock.monotonicMs();
    const remembered = this.#remembered.get(orgId);
    if (remembered !== undefined && remembered.untilMs > now) return remembered.organization;
    const organization = await getOrganization(this.#deps.db, orgId);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(orgId, { organization, untilMs: now + this.#deps.rememberMs });
    return organization;
  }
  /** Reads it again when it is asked for next: it was changed here. */
  forget(orgId: string): void {
    this.#remembered.delete(orgId);
  }
}
