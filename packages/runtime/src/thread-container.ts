import type { Clock, Logger } from '@bullpen/core';

import type { ThreadCode } from './container-code.ts';
import type { ContainerFactory } from './container.ts';
import { createContainers } from './engine-container.ts';
import { externalMemoryRule } from './memory-rules.ts';
import { ThreadEngine } from './thread-engine.ts';

/**
 * The containers of tier basic: one Piscina thread in the worker process, with limits on its heap, no environment, and
 * one organization for life. It isolates mistakes, not attackers: V8 answers one allocation far beyond the heap limit
 * (`new Array(1e8).fill()`, a string of hundreds of MB made flat) by aborting the process, and `terminate()` does not
 * end a native call. A thread that outlives its kill keeps its memory in the pool until it is gone.
 */
export interface ThreadContainerOptions {
  /** What a thread runs. */
  readonly code: Pick<ThreadCode, 'entryPath'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Attempts after which a thread is replaced. */
  readonly maxRuns: number;
  readonly cpuPerWall?: number;
  /** From an interruption to the kill. Default 250. */
  readonly graceMs?: number;
  /** Between two readings of a running thread. Default 50. */
  readonly sampleMs?: number;
  /** Default 10,000. */
  readonly startTimeoutMs?: number;
}

/** Containers of tier basic. */
export function createThreadContainers({ code, ...options }: ThreadContainerOptions): ContainerFactory {
  return createContainers({
    tier: 'basic',
    memoryRule: externalMemoryRule,
    engine: ({ limitMb }, listener) => new ThreadEngine({ limitMb, entryPath: code.entryPath, listener }),
    ...options,
  });
}
