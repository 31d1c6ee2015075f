import { describe, expect, it } from '@jest/globals';

import type { OrganizationCell, OrganizationCellOwner } from './organization-cell.ts';
import { OrganizationCells } from './organization-cells.ts';

/** A cell without a process. */
class FakeCell {
  readonly #gone = Promise.withResolvers<void>();
  owner: OrganizationCellOwner | null = null;
  hasEnded = false;
  isEmpty = true;

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get isEnding(): boolean {
    return this.hasEnded;
  }

  bind(owner: OrganizationCellOwner): void {
    this.owner = owner;
  }

  kill(): void {
    this.hasEnded = true;
    this.#gone.resolve();
  }

  retire(): void {
    this.kill();
  }
}

function withCells() {
  const made: FakeCell[] = [];
  const now = { ms: 0 };
  const take = async () => {
    const cell = new FakeCell();
    made.push(cell);
    return cell as unknown as OrganizationCell;
  };
  const cells = new OrganizationCells({ pool: { take }, clock: { nowMs: () => now.ms, monotonicMs: () => now.ms }, cpu: { join: async () => undefined }, idleMs: 1000 });
  return { cells, made, now };
}

describe('the cells of organizations', () => {
  it('are one for each organization, also for containers that start together', async () => {
    const { cells, made } = withCells();
    const taken = await Promise.all([cells.take('acme', false), cells.take('acme', false), cells.take('other', false), cells.take('acme', false)]);
    expect(made).toHaveLength(2);
    expect([taken[0] === taken[1], taken[0] === taken[3], taken[0] === taken[2]]).toEqual([true, true, false]);
  });

  it('are new after one has ended, once for all that ask', async () => {
    const { cells, made } = withCells();
    (await cells.take('acme', false)).kill();
    const [one, other] = await Promise.all([cells.take('acme', false), cells.take('acme', false)]);
    expect(one).toBe(other);
    expect(made).toHaveLength(2);
  });

  it('are one more for each container that must be alone', async () => {
    const { cells } = withCells();
    const shared = await cells.take('acme', false);
    const [one, other] = await Promise.all([cells.take('acme', true), cells.take('acme', true)]);
    expect(new Set([shared, one, other]).size).toBe(3);
    expect(await cells.take('acme', false)).toBe(shared);
  });

  it('leave suspects alone, by run, and who was found out, by bundle, for ten minutes and in their organization only', async () => {
    const { cells, made, now } = withCells();
    await cells.take('acme', false);
    const alone = (runId: string, sha256: string, orgId = 'acme') => cells.mustRunAlone({ orgId, runId, sha256 });
    made[0]?.owner?.suspected([{ runId: 'run_1', sha256: 'a' }, { runId: 'run_2', sha256: 'b' }]);
    expect([alone('run_1', 'a'), alone('run_2', 'b'), alone('run_3', 'a'), alone('run_1', 'a', 'other')]).toEqual([true, true, false, false]);
    made[0]?.owner?.convicted({ runId: 'run_2', sha256: 'b' });
    expect([alone('run_9', 'b'), alone('run_9', 'b', 'other')]).toEqual([true, false]);
    now.ms += 10 * 60 * 1000;
    expect([alone('run_1', 'a'), alone('run_9', 'b')]).toEqual([false, false]);
  });

  it('end with the tier', async () => {
    const { cells, made } = withCells();
    await cells.take('acme', false);
    await cells.take('acme', true);
    await cells.close();
    expect(made.map(({ hasEnded }) => hasEnded)).toEqual([true, true]);
  });
});
