import { describe, expect, it } from '@jest/globals';
import type { HealthReport, RuntimeStatus } from '@bullpen/core';

import { createOutput } from '../output.ts';
import { topLines } from './top.ts';

const { paint } = createOutput({ stdout: { write: () => true }, stderr: { write: () => true }, color: false });
const AT = '2026-01-01T12:00:00.000Z';
const health = (score: number, level: HealthReport['level']): HealthReport => ({ score, level, reason: 'queue wait p95 is 9 s', components: [] });
const organization = (id: string, active: number, waiting: number) => ({
  id, name: id, poolMb: 1024, reservedMb: 64, containers: 2, queue: { active, waiting, delayed: 0 }, health: health(100, 'healthy'),
});
const STATUS = {
  at: AT, queueBackend: 'redis', alerts: [], health: health(71.4, 'degraded'), workerHealth: { wkr_1: health(99, 'healthy') },
  workers: [{ id: 'wkr_1', host: 'a-host-with-a-very-long-name.example.com', pid: 1, platform: 'linux x64', startedAt: AT, at: AT, state: 'running', slots: 16, running: 3, rssMb: 212.4, eventLoopDelayMs: 1.2, organizations: [] }],
  organizations: [organization('quiet', 0, 0), organization('busy', 3, 120)],
  recentRuns: [],
} as unknown as RuntimeStatus;

describe('bullpen top', () => {
  const at = (columns: number): string[] => topLines(STATUS, Date.parse(AT), paint, columns);

  it('says health, slots and what waits first, and puts the busiest organization on top', () => {
    const lines = at(120);
    expect(lines[0]).toBe('health 71   3/16 slots   120 waiting   0 delayed   queue on redis');
    expect(lines[1]).toBe('queue wait p95 is 9 s');
    expect(lines.filter((line) => /^(busy|quiet)/.test(line)).map((line) => line.split(' ')[0])).toEqual(['busy', 'quiet']);
    expect(lines.some((line) => line.includes('212 MB'))).toBe(true);
  });

  it.each([40, 60, 80, 120])('fits into %i columns', (columns) => {
    expect(Math.max(...at(columns).map((line) => line.length))).toBeLessThanOrEqual(columns);
  });
});
