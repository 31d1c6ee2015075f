import { DEFAULT_RUN_LIMITS, type Clock, type IsolationReport, type Logger } from '@bullpen/core';

import type { ContainerFactory } from '../container.ts';
import { CellPool } from './cell-pool.ts';
import { probeIsolation } from './isolation-probe.ts';
import { createStrictContainers } from './strict-container.ts';
import type { Wall } from './wall.ts';

/**
 * Tier strict, as the manager opens and closes it. Guarantees: the machine is probed at the first opening, and the
 * factory is there only while the wall stands; a closed tier leaves no blank cell and no file behind.
 */
export class StrictTier {
  readonly #options: { clock: Clock; log: Logger; graceMs?: number; cpuPerWall?: number };
  #pool: CellPool | null = null;
  #wall: Wall | null = null;
  #factory: ContainerFactory | undefined;
  #report: IsolationReport | null = null;

  constructor(options: { clock: Clock; log: Logger; graceMs?: number; cpuPerWall?: number }) {
    this.#options = options;
  }

  /** What was found out by trying; null before the first opening. */
  get report(): IsolationReport | null {
    return this.#report;
  }

  /** Makes containers; undefined where the wall cannot be built, or is not open. */
  get factory(): ContainerFactory | undefined {
    return this.#factory;
  }

  /** @param egressDir - holds the socket of the egress proxy; null: cells see none */
  async open(egressDir: string | null): Promise<void> {
    if (this.#wall !== null) return;
    const { wall, report } = await probeIsolation(this.#options.clock, egressDir);
    this.#report = report;
    this.#options.log.info({ isolation: report.probes, strict: wall !== null }, 'isolation.probed');
    if (wall === null) return;
    const pool = new CellPool({ wall, log: this.#options.log });
    pool.prepare(DEFAULT_RUN_LIMITS.memoryMb);
    this.#wall = wall;
    this.#pool = pool;
    this.#factory = createStrictContainers({ ...this.#options, pool });
  }

  /** Once no container is left. */
  async close(): Promise<void> {
    this.#factory = undefined;
    await this.#pool?.close();
    this.#pool = null;
    this.#wall?.remove();
    this.#wall = null;
  }
}
