import { SIZE_CAPS } from '@bullpen/core';

/**
 * What a kind of cell runs and what the kernel holds it to. Strict: one attempt on the main thread. Organization: the
 * Piscina threads of one organization.
 */
export interface CellProfile {
  /** A script of container-code.ts. */
  readonly entry: string;
  readonly nodeFlags: readonly string[];
  readonly needsPiscina: boolean;
  /** Memory that the kernel refuses beyond, over what the blank cell has, MB. */
  readonly dataMb: number;
  /** The kernel lets nobody without privileges raise a hard limit again: one that is to grow is a soft one. */
  readonly mayGrow: boolean;
  readonly maxFiles: number;
  /** Threads count as processes here. */
  readonly maxProcesses: number;
  /** A frame that announces more is refused. */
  readonly maxFrameBytes: number;
  /** What the cell may say before the first attempt; each attempt adds its own. */
  readonly maxBytes: number;
}

/** What the kernel gives a strict cell beyond what it had blank, by the run's memory. */
const HARD_FACTOR = 1.2;
/** The same for each container of an organization's cell: what a thread reserves is known less exactly. */
export const CONTAINER_HARD_FACTOR = 1.15;
/** A result is capped in characters inside the cell, and one of them may take three bytes. */
const MAX_FRAME_BYTES = 3 * SIZE_CAPS.resultBytes + 64 * 1024;
/** The events and calls of an attempt, their frames, and its reply. */
export const ATTEMPT_BYTES = 3 * SIZE_CAPS.eventBytesPerAttempt + 256 * SIZE_CAPS.eventsPerAttempt
  + SIZE_CAPS.callBytesPerAttempt + 256 * SIZE_CAPS.callsPerAttempt + MAX_FRAME_BYTES;
/** More live containers than that are refused to one cell by the kernel, not by us. */
const MAX_THREADS = 1024;

const common = [
  '--permission', '--allow-fs-write=/tmp/*', '--allow-fs-read=/tmp/*',
  '--no-experimental-sqlite', // walks past the permission model
  '--disable-sigusr1',
];

/** A single-use cell for one attempt. */
export function strictProfile(limitMb: number): CellProfile {
  return {
    entry: 'cell-entry.cjs',
    nodeFlags: [
      ...common, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning', // for bundle-loader.mjs
      '--allow-fs-read=/cell/container/*', '--allow-fs-read=/bundle/*', `--max-old-space-size=${limitMb}`, '--max-semi-space-size=1',
    ],
    needsPiscina: false,
    dataMb: limitMb * HARD_FACTOR,
    mayGrow: false,
    maxFiles: 128,
    maxProcesses: 64,
    maxFrameBytes: MAX_FRAME_BYTES,
    maxBytes: ATTEMPT_BYTES,
  };
}

/**
 * The cell of one organization. Its threads have heap limits of their own; the permission model is no wall here, since
 * Piscina needs `--allow-worker` and a thread may start another one without it: it stands in the way all the same.
 * A reply is a string in a string: each of its quotes takes two bytes more.
 */
export function organizationProfile(dataMb: number): CellProfile {
  return {
    entry: 'organization-cell.cjs',
    nodeFlags: [
      ...common, '--allow-worker', '--disable-warning=SecurityWarning', '--allow-fs-read=/cell/*', '--allow-fs-read=/bundle/*', '--max-old-space-size=64', '--max-semi-space-size=1',
    ],
    needsPiscina: true,
    dataMb,
    mayGrow: true,
    maxFiles: 8 * MAX_THREADS,
    maxProcesses: MAX_THREADS + 64,
    maxFrameBytes: 2 * MAX_FRAME_BYTES,
    maxBytes: 2 * ATTEMPT_BYTES,
  };
}
