import { describe, expect, it } from '@jest/globals';

import { Deadline, composeServices, type Service } from './service.ts';

function recorded(name: string, log: string[], fail: { start?: boolean; stop?: boolean } = {}): Service {
  return {
    async start() { log.push(`start ${name}`); if (fail.start) throw new Error(`${name} will not start`); },
    async quiesce() { log.push(`quiesce ${name}`); },
    async stop() { log.push(`stop ${name}`); if (fail.stop) throw new Error(`${name} will not stop`); },
  };
}

describe('composed services', () => {
  it('stop in reverse order of start', async () => {
    const log: string[] = [];
    const all = composeServices([recorded('a', log), recorded('b', log)]);
    await all.start();
    await all.stop(Deadline.in(1000));
    expect(log).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  it('stop what had started when one does not start', async () => {
    const log: string[] = [];
    await expect(composeServices([recorded('a', log), recorded('b', log, { start: true })]).start()).rejects.toThrow('b will not start');
    expect(log).toEqual(['start a', 'start b', 'stop a']);
  });

  it('stop all even when one fails, and say so', async () => {
    const log: string[] = [];
    const all = composeServices([recorded('a', log), recorded('b', log, { stop: true })]);
    await all.start();
    await expect(all.stop(Deadline.in(1000))).rejects.toThrow(AggregateError);
    expect(log).toContain('stop a');
  });

  it('tolerate never started and stopped twice', async () => {
    const log: string[] = [];
    const all = composeServices([recorded('a', log)]);
    await all.stop(Deadline.in(1000));
    await all.start();
    await all.stop(Deadline.in(1000));
    await all.stop(Deadline.in(1000));
    expect(log).toEqual(['start a', 'stop a']);
  });
});

describe('a deadline', () => {
  it('counts down on the monotonic clock and never below zero', () => {
    let now = 0;
    const clock = { nowMs: () => 0, monotonicMs: () => now };
    const deadline = Deadline.in(100, clock);
    now = 40;
    expect(deadline.remainingMs).toBe(60);
    now = 400;
    expect(deadline.remainingMs).toBe(0);
  });
});
