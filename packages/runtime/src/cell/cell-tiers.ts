import type { Clock, IsolationReport, Logger, Tier } from '@bullpen/core';

import type { TierDrivers } from '../container.ts';
import type { CellWall } from './cell-wall.ts';
import { probeIsolation, type Probed } from './isolation-probe.ts';
import { CpuShares } from './cpu-shares.ts';
import { Launcher } from './launcher.ts';
import { OrganizationTier } from './organization-tier.ts';
import { StrictTier } from './strict-tier.ts';

/**
 * The tiers whose containers are in processes of their own, as the manager opens and closes them. Guarantees: the machine
 * is probed at each opening, once for both; a tier is there only while its wall stands; closed, they leave no cell, no
 * process and no file behind.
 */
export interface CellTiersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Which to build, where the machine can. */
  readonly wanted: readonly Tier[];
  /** False: as on a machine without namespaces. */
  readonly namespaces: boolean;
  readonly maxRuns: number;
  /** An organization's share of the cores, relative to others'. */
  readonly cpuWeightOf: (orgId: string) => number;
  readonly graceMs?: number;
  readonly cpuPerWall?: number;
}

export class CellTiers {
  readonly #options: CellTiersOptions;
  readonly #enhanced: OrganizationTier;
  readonly #strict: StrictTier;
  readonly #launcher = new Launcher();
  #probed: Probed | null = null;
  #isOpen = false;

  constructor({ wanted, namespaces, cpuWeightOf, ...bounds }: CellTiersOptions) {
    this.#options = { wanted, namespaces, cpuWeightOf, ...bounds };
    const options = { ...bounds, cpu: new CpuShares(cpuWeightOf) };
    this.#enhanced = new OrganizationTier(options);
    this.#strict = new StrictTier(options);
  }

  /** What was found out by trying; null before the first opening, and where neither tier is asked for. */
  get report(): IsolationReport | null {
    return this.#probed?.report ?? null;
  }

  get drivers(): TierDrivers {
    const enhanced = this.#enhanced.factory;
    const strict = this.#strict.factory;
    return { ...(enhanced && { enhanced }), ...(strict && { strict }) };
  }

  /** @param egressDir - holds the socket of the egress proxy; null: cells see none */
  async open(egressDir: string | null): Promise<void> {
    const { wanted, log } = this.#options;
    if (this.#isOpen || !(wanted.includes('enhanced') || wanted.includes('strict'))) return;
    this.#isOpen = true;
    const probed = await probeIsolation({ ...this.#options, launcher: this.#launcher, egressDir });
    this.#probed = probed;
    log.info({ isolation: probed.report.probes, tiers: probed.report.tiers.map(({ tier, achieved }) => ({ tier, achieved })) }, 'isolation.probed');
    if (probed.enhanced !== null) await this.#enhanced.open(probed.enhanced);
    if (probed.strict !== null) await this.#strict.open(probed.strict);
  }

  /** Once no container is left. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await Promise.all([this.#enhanced.close(), this.#strict.close()]);
    const walls: (CellWall | null | undefined)[] = [this.#probed?.enhanced, this.#probed?.strict];
    for (const wall of walls) wall?.remove();
    await this.#launcher.stop();
  }
}
