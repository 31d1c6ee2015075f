import { DEFAULT_RUN_LIMITS, type Clock, type Logger } from '@bullpen/core';

import type { ContainerFactory } from '../container.ts';
import { CellDepartures } from './cell-departures.ts';
import { CellPool } from './cell-pool.ts';
import type { CellWall } from './cell-wall.ts';
import { CodeCaches } from './code-caches.ts';
import type { CpuShares } from './cpu-shares.ts';
import { SingleUseCell } from './single-use-cell.ts';
import { createStrictContainers } from './strict-container.ts';

/**
 * Tier strict, as the manager opens and closes it. Guarantees: the factory is there only while it is open; a closed tier
 * leaves no blank cell behind.
 */
export interface StrictTierOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly cpu: CpuShares;
  readonly graceMs?: number;
  readonly cpuPerWall?: number;
}

export class StrictTier {
  readonly #options: StrictTierOptions;
  #pool: CellPool<SingleUseCell> | null = null;
  #codeCaches: CodeCaches | null = null;
  #factory: ContainerFactory | undefined;

  constructor({ clock, log, cpu, graceMs, cpuPerWall }: StrictTierOptions) {
    this.#options = { clock, log, cpu, ...(graceMs !== undefined && { graceMs }), ...(cpuPerWall !== undefined && { cpuPerWall }) };
  }

  /** Makes containers; undefined while it is not open. */
  get factory(): ContainerFactory | undefined {
    return this.#factory;
  }

  /** Resolves when a first blank cell is ready. */
  async open(wall: CellWall): Promise<void> {
    if (this.#factory !== undefined) return;
    const pool = new CellPool({ make: (limitMb, purpose) => new SingleUseCell({ wall, limitMb, purpose }), log: this.#options.log });
    this.#pool = pool;
    const codeCaches = new CodeCaches({ bundles: wall.bundles, make: (limitMb) => new SingleUseCell({ wall, limitMb, purpose: 'run' }), log: this.#options.log });
    this.#codeCaches = codeCaches;
    this.#factory = createStrictContainers({ ...this.#options, pool, departures: new CellDepartures(this.#options.clock), codeCaches });
    await pool.prepare(DEFAULT_RUN_LIMITS.memoryMb);
  }

  /** Once no container is left. */
  async close(): Promise<void> {
    this.#factory = undefined;
    await Promise.all([this.#pool?.close(), this.#codeCaches?.close()]);
    this.#pool = null;
    this.#codeCaches = null;
  }
}
