import { DEFAULT_RUN_LIMITS, type Clock, type Logger } from '@bullpen/core';

import type { ContainerFactory } from '../container.ts';
import { createContainers } from '../engine-container.ts';
import { threadMemoryRule } from '../memory-rules.ts';
import { CellPool } from './cell-pool.ts';
import type { CellWall } from './cell-wall.ts';
import type { CpuShares } from './cpu-shares.ts';
import { OrganizationCell } from './organization-cell.ts';
import { OrganizationCells } from './organization-cells.ts';
import { OrganizationEngine } from './organization-engine.ts';

/**
 * Tier enhanced, as the manager opens and closes it: a cell per organization, a thread in it per container. Guarantees:
 * the factory is there only while it is open; a closed tier leaves no cell behind.
 */
export interface OrganizationTierOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly cpu: CpuShares;
  readonly maxRuns: number;
  readonly graceMs?: number;
  readonly cpuPerWall?: number;
}

/** A cell without containers waits so long for the next one. */
const EMPTY_CELL_MS = 2000;
/** Taking a spare that turns out dead, starting another one, and a thread in it, are bounded by themselves. */
const START_TIMEOUT_MS = 30_000;
/** A waiting agent is looked at less often: the cell's own memory is looked at all the time. */
const MAX_SAMPLE_MS = 500;

export class OrganizationTier {
  readonly #options: OrganizationTierOptions;
  #pool: CellPool<OrganizationCell> | null = null;
  #cells: OrganizationCells | null = null;
  #factory: ContainerFactory | undefined;
  /** Of the container that was asked for last: the next organization's first one may be the same. */
  #askedMb = DEFAULT_RUN_LIMITS.memoryMb;

  constructor(options: OrganizationTierOptions) {
    this.#options = options;
  }

  /** Makes containers; undefined while it is not open. */
  get factory(): ContainerFactory | undefined {
    return this.#factory;
  }

  /** Resolves when a first blank cell is ready. */
  async open(wall: CellWall): Promise<void> {
    if (this.#factory !== undefined) return;
    const { clock, log, cpu } = this.#options;
    const pool = new CellPool({ make: () => new OrganizationCell(wall, this.#askedMb), log });
    const cells = new OrganizationCells({ pool, clock, cpu, idleMs: EMPTY_CELL_MS });
    this.#pool = pool;
    this.#cells = cells;
    this.#factory = Object.assign(this.#containersIn(cells), { mustRunAlone: cells.mustRunAlone.bind(cells) });
    await pool.prepare(0);
  }

  /** Once no container is left. */
  async close(): Promise<void> {
    this.#factory = undefined;
    await this.#pool?.close();
    await this.#cells?.close();
    this.#pool = null;
    this.#cells = null;
  }

  #containersIn(cells: OrganizationCells): ContainerFactory {
    return createContainers({
      tier: 'enhanced',
      memoryRule: threadMemoryRule,
      engine: (plan, listener) => {
        this.#askedMb = plan.limitMb;
        return new OrganizationEngine({ ...plan, cells, listener });
      },
      maxSampleMs: MAX_SAMPLE_MS,
      startTimeoutMs: START_TIMEOUT_MS,
      ...this.#options,
    });
  }
}
