import { describe, expect, it } from '@jest/globals';

import type { AgentVersion } from '../agent-schemas.ts';
import type { Organization } from '../org-schemas.ts';
import { createScheduleSchema, scheduledRunSchema, type ScheduledRun } from '../schedule-schemas.ts';
import { planScheduledRun, scheduleKeyPrefix } from './scheduled-run.ts';

const plan = (run: Partial<ScheduledRun> = {}, atMs = Date.UTC(2026, 4, 1, 12)) => planScheduledRun(
  { id: 'sch_1', name: 'nightly', run: scheduledRunSchema.parse({ agent: 'echo', ...run }) },
  { id: 'ver_1', agent: 'echo', version: 3, manifest: {} } as AgentVersion,
  { id: 'acme', poolMb: 1024, maxMemoryMb: 512, minimumTier: 'basic', caps: {} } as Organization,
  atMs,
);

describe('the run of a schedule', () => {
  it('says which schedule made it and for when, beside its own metadata', () => {
    expect(plan({ metadata: { team: 'a', schedule: 'forged' } }).metadata).toEqual({ team: 'a', schedule: 'nightly', scheduledFor: '2026-05-01T12:00:00.000Z' });
  });

  it('has one key for a time, whatever the schedule asks for by then, and another for every other time', () => {
    const { id: _, ...keys } = plan();
    expect(plan({ input: 'changed' })).toMatchObject({ idempotencyKey: keys.idempotencyKey, requestHash: keys.requestHash });
    expect(plan({}, Date.UTC(2026, 4, 2)).idempotencyKey).not.toBe(keys.idempotencyKey);
  });

  it('has keys that sort by time and that no caller can send', () => {
    const keys = [9, 10, 11].map((month) => plan({}, Date.UTC(2026, month, 1)).idempotencyKey ?? '');
    expect([...keys].sort()).toEqual(keys);
    expect(keys[0]).toMatch(/^schedule sch_1 /);
    expect(scheduleKeyPrefix('sch_1')).toContain(' ');
  });

  it('is refused where the organization may not have it', () => {
    expect(() => plan({ memoryMb: 600 })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  it('knows no delay: the schedule says when', () => {
    expect(() => createScheduleSchema.parse({ name: 'a', cron: '@daily', run: { agent: 'echo', delayMs: 5 } })).toThrow(/delayMs/);
  });
});
