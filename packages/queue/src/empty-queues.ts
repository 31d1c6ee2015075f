import type { ReadyOrganization } from './ready-set.ts';

const MAX_REMEMBERED = 20_000;

/**
 * Organizations whose queue proved to be empty after they were claimed. As long as nothing was marked since that claim
 * there is no need to look again: whoever adds a run marks its organization afterwards.
 */
export class EmptyQueues {
  readonly #claimedAt = new Map<string, { generation: string; isEmpty: boolean }>();

  note(orgId: string): void {
    const claimed = this.#claimedAt.get(orgId);
    if (claimed) claimed.isEmpty = true;
  }

  /** Asked at each claim, which it remembers. */
  isStill({ orgId, generation }: ReadyOrganization): boolean {
    if (generation === undefined || generation === '') return false;
    const before = this.#claimedAt.get(orgId);
    if (before?.isEmpty && before.generation === generation) {
      this.#claimedAt.delete(orgId);
      return true;
    }
    if (this.#claimedAt.size >= MAX_REMEMBERED) this.#claimedAt.clear();
    this.#claimedAt.set(orgId, { generation, isEmpty: false });
    return false;
  }
}
