import type { Clock, Logger } from '@bullpen/core';

import type { ContainerFactory } from '../container.ts';
import { createContainers } from '../engine-container.ts';
import { wholeProcessRule } from '../memory-rules.ts';
import type { CellDepartures } from './cell-departures.ts';
import type { CellPool } from './cell-pool.ts';
import type { CodeCaches } from './code-caches.ts';
import type { CpuShares } from './cpu-shares.ts';
import type { SingleUseCell } from './single-use-cell.ts';
import { StrictEngine } from './strict-engine.ts';

/**
 * The containers of tier strict: a blank cell out of the pool, used for one attempt and destroyed. Memory beyond the
 * limit, CPU time beyond its allowance and a frame that is none end the cell at once; nothing of it serves a second
 * attempt.
 */
export interface StrictContainerOptions {
  readonly pool: Pick<CellPool<SingleUseCell>, 'take'>;
  readonly departures: CellDepartures;
  readonly codeCaches: CodeCaches;
  readonly cpu: CpuShares;
  readonly clock: Clock;
  readonly log: Logger;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** CPU time an attempt may take, as a multiple of its wall-clock limit. Default 2: two busy cores. */
  readonly cpuPerWall?: number;
}

/** Taking a spare that turns out dead, and starting another one, are bounded by themselves. */
const START_TIMEOUT_MS = 25_000;

/** Containers of tier strict. */
export function createStrictContainers({ pool, departures, codeCaches, cpu, ...options }: StrictContainerOptions): ContainerFactory {
  return createContainers({
    tier: 'strict',
    memoryRule: wholeProcessRule,
    engine: ({ limitMb, orgId }, listener) => new StrictEngine({ pool, departures, codeCaches, cpu, orgId, limitMb, listener }),
    maxRuns: 1,
    sampleMs: 10,
    startTimeoutMs: START_TIMEOUT_MS,
    killWaitMs: 2000,
    ...options,
  });
}
