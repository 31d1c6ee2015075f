import type { Tier } from '@bullpen/core';

import { broken, held, type Finding } from './findings.ts';
import type { TestBed } from './test-bed.ts';
import { tierFault } from './wall-checks.ts';

const LIMIT_MB = 64;
/** The agent stops there by itself: far above the limit, harmless to a machine. */
const MOST_MB = 512;
const TIMEOUT_MS = 1000;
/** The agent computes for so long. */
const SPIN_MS = 30_000;

/** An agent that holds eight times what it may, beside a run of another organization that must not notice. */
export const checkMemory = (tier: Tier) => async (bed: TestBed): Promise<Finding> => {
  const fault = await tierFault(bed, tier);
  if (fault !== null) return broken(fault);
  const [hog, bystander] = await Promise.all([
    bed.run<{ heldMb: number }>(bed.red.client, { agent: 'hog', tier, memoryMb: LIMIT_MB, timeoutMs: 60_000, input: { mostMb: MOST_MB } }),
    bed.run(bed.blue.client, { agent: 'echo', tier, input: { say: 'here', afterMs: 500 } }),
  ]);
  const peakMb = Math.round((hog.usage?.peakHeapMb ?? 0) + (hog.usage?.peakExternalMb ?? 0));
  const evidence = { runIds: [hog.id, bystander.id], figures: { limitMb: LIMIT_MB, peakMb, state: hog.state } };
  if (hog.state === 'succeeded') return broken(`an agent with ${LIMIT_MB} MB held ${hog.result?.heldMb ?? 0} MB and was not stopped`, evidence);
  if (hog.state !== 'out_of_memory') return broken(`it ended as ${hog.state}, not out_of_memory: ${hog.error?.code ?? ''} ${hog.error?.message ?? ''}`, evidence);
  if (bystander.state !== 'succeeded') return broken(`a run of another organization ended as ${bystander.state} meanwhile: ${bystander.error?.message ?? ''}`, evidence);
  return held(`limit ${LIMIT_MB} MB: out_of_memory at ${peakMb} MB; the other organization's run was not touched`, evidence);
};

/** An agent that computes on and on. */
export const checkTimeout = (tier: Tier) => async (bed: TestBed): Promise<Finding> => {
  const fault = await tierFault(bed, tier);
  if (fault !== null) return broken(fault);
  const run = await bed.run<unknown>(bed.red.client, { agent: 'spinner', tier, timeoutMs: TIMEOUT_MS, input: { forMs: SPIN_MS } });
  const wallMs = Math.round(run.usage?.wallMs ?? 0);
  const evidence = { runIds: [run.id], figures: { timeoutMs: TIMEOUT_MS, wallMs, state: run.state } };
  if (run.state !== 'timed_out') return broken(`it ended as ${run.state}, not timed_out: ${run.error?.code ?? ''} ${run.error?.message ?? ''}`, evidence);
  return held(`limit ${TIMEOUT_MS} ms: timed_out after ${wallMs} ms of an endless computation`, evidence);
};
