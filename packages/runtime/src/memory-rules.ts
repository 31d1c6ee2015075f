import type { ErrorCode } from '@bullpen/core';

import type { Reading } from './usage-meter.ts';

/** What a reading says of a memory limit; `suspected` is looked at again soon. */
export type MemoryFinding = { readonly kind: 'within' } | { readonly kind: 'suspected' | 'beyond'; readonly message: string; readonly code?: ErrorCode };

/** Judges one reading against a limit, and one of its own on what lies outside the heap. Pure. */
export type MemoryRule = (reading: Reading, limitMb: number, externalLimitMb?: number) => MemoryFinding;

const WITHIN: MemoryFinding = Object.freeze({ kind: 'within' });

/**
 * For a thread of this process: V8 holds the heap by itself, so what is judged is what lies outside of it. At twice the
 * limit it is certain; up to there much of it may be garbage that V8 is about to free.
 */
export const externalMemoryRule: MemoryRule = ({ externalMb }, limitMb, externalLimitMb = limitMb) => {
  if (externalMb <= externalLimitMb) return WITHIN;
  const message = `${Math.round(externalMb)} MB outside the heap (buffers and the like) are beyond the limit of ${externalLimitMb} MB`;
  const kind = externalMb > 2 * externalLimitMb ? 'beyond' : 'suspected';
  return externalLimitMb === limitMb ? { kind, message } : { kind, message, code: 'EXTERNAL_MEMORY_EXCEEDED' };
};

/** V8's own: code, compiler, young generation. A whole process is held to its limit and this. */
export const slackMb = (limitMb: number): number => Math.max(4, limitMb / 8);

/** For a process of one run: all of its memory is one. */
export const wholeProcessRule: MemoryRule = ({ heapMb }, limitMb) => {
  if (heapMb <= limitMb + slackMb(limitMb)) return WITHIN;
  return { kind: 'beyond', message: `${Math.round(heapMb)} MB are beyond the limit of ${limitMb} MB` };
};

/**
 * For a thread in a cell: V8 holds the heap, and heap and what lies outside of it share the limit. Up to twice of it
 * much may be garbage; memory that V8 does not count, shared or of WebAssembly, the cell's own reading shows.
 */
export const threadMemoryRule: MemoryRule = ({ heapMb, externalMb }, limitMb) => {
  const usedMb = heapMb + externalMb;
  if (usedMb <= limitMb + slackMb(limitMb)) return WITHIN;
  const message = `${Math.round(usedMb)} MB (heap, buffers and the like) are beyond the limit of ${limitMb} MB`;
  return { kind: usedMb > 2 * limitMb ? 'beyond' : 'suspected', message };
};
