import { BullpenError, type Clock, type Organization } from '@bullpen/core';
import { getOrganization, type Database } from '@bullpen/db';

import { Remembered } from '../auth/remembered.ts';

/** Organizations as Postgres has them, remembered for `rememberMs`: their caps are read on every run that is posted. */
export class OrganizationDirectory {
  readonly #remembered: Remembered<Organization>;

  constructor({ db, clock, rememberMs }: { db: Database; clock: Clock; rememberMs: number }) {
    this.#remembered = new Remembered({ clock, rememberMs, read: async (orgId) => ({ value: await getOrganization(db, orgId) }) });
  }

  /** @throws BullpenError NOT_FOUND */
  async get(orgId: string): Promise<Organization> {
    const organization = await this.#remembered.get(orgId);
    if (organization === null) throw new BullpenError('NOT_FOUND', `no organization ${orgId}`);
    return organization;
  }

  /** Reads it again when it is asked for next: it was changed here. */
  forget(orgId: string): void {
    this.#remembered.forget(({ id }) => id === orgId);
  }
}
