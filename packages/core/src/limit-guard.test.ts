import { describe, expect, it } from '@jest/globals';

import type { RunEvent } from './event-schemas.ts';
import { LimitGuard, type Breach, type GuardedLimit } from './limit-guard.ts';

function guardOf(limits: Partial<Record<GuardedLimit, number>>) {
  const said: RunEvent[] = [];
  const breaches: Breach[] = [];
  const guard = new LimitGuard({ limits: { timeoutMs: 1000, memoryMb: 64, ...limits }, say: (event) => said.push(event), onBreach: (breach) => breaches.push(breach) });
  return { guard, said, breaches };
}

describe('the limits of an attempt', () => {
  it('are warned of once each, at four fifths', () => {
    const { guard, said, breaches } = guardOf({ cpuMs: 100, egressRequests: 10 });
    expect(guard.used('cpuMs', 79.9)).toBe(true);
    expect(said).toEqual([]);
    for (const cpuMs of [80, 90.04, 100]) expect(guard.used('cpuMs', cpuMs)).toBe(true);
    guard.used('egressRequests', 8);
    expect(said).toEqual([
      { type: 'log', level: 'warn', message: 'CPU time: 80 of 100 ms used; beyond cpuMs the attempt is ended', fields: { by: 'bullpen', limit: 'cpuMs', used: 80, allowed: 100 } },
      expect.objectContaining({ fields: { by: 'bullpen', limit: 'egressRequests', used: 8, allowed: 10 } }),
    ]);
    expect(breaches).toEqual([]);
  });

  it.each<[GuardedLimit, string, string]>([
    ['timeoutMs', 'timed_out', 'TIMED_OUT'],
    ['cpuMs', 'cpu_exceeded', 'CPU_EXCEEDED'],
    ['memoryMb', 'out_of_memory', 'OUT_OF_MEMORY'],
    ['externalMb', 'out_of_memory', 'EXTERNAL_MEMORY_EXCEEDED'],
    ['resultBytes', 'failed', 'RESULT_TOO_LARGE'],
    ['logBytes', 'failed', 'LOG_VOLUME_EXCEEDED'],
    ['eventsPerSecond', 'failed', 'EVENT_RATE_EXCEEDED'],
    ['egressBytes', 'failed', 'EGRESS_BYTES_EXCEEDED'],
    ['egressRequests', 'failed', 'EGRESS_REQUESTS_EXCEEDED'],
  ])('end an attempt that passes %s as %s with %s', (limit, state, code) => {
    const { guard, breaches } = guardOf({ [limit]: 10 });
    expect(guard.used(limit, 10)).toBe(true);
    expect(guard.used(limit, 11)).toBe(false);
    expect(breaches).toEqual([expect.objectContaining({ limit, state, code })]);
  });

  it('tell of the first breach only', () => {
    const { guard, breaches } = guardOf({ cpuMs: 1, logBytes: 1 });
    guard.used('cpuMs', 2);
    guard.used('logBytes', 2);
    guard.used('cpuMs', 3);
    expect(breaches.map(({ limit }) => limit)).toEqual(['cpuMs']);
    expect(guard.breach?.limit).toBe('cpuMs');
  });

  it('that the attempt does not have are not looked at, and none at all is a limit as well', () => {
    const { guard, said, breaches } = guardOf({ egressBytes: 0 });
    expect(guard.used('logBytes', 1e9)).toBe(true);
    expect(guard.used('egressBytes', 0)).toBe(true);
    expect(said).toEqual([]);
    expect(guard.used('egressBytes', 1)).toBe(false);
    expect(breaches).toHaveLength(1);
  });
});
