import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { BullpenClient } from '@bullpen/sdk';

import { startChild, type Child } from '../system/child-process.ts';
import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** Resolves as soon as its signal aborts, unless told to be deaf; otherwise after `ms`. */
const NAPPER = `async (input, ctx) => {
  await new Promise((done) => {
    const timer = setTimeout(done, input.ms);
    if (!input.deaf) ctx.signal.addEventListener('abort', () => { clearTimeout(timer); done(); });
  });
  return ctx.attempt;
}`;

describe.each<QueueBackend>(['redis', 'postgres'])('a worker process that ends, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  const children: Child[] = [];
  const worker = async (env: Record<string, string> = {}) => {
    const child = await startChild('worker', { ...system.env, BULLPEN_LEASE_MS: '2000', ...env });
    children.push(child);
    return child;
  };
  const running = (runId: string) => eventually('the run runs', async () => ((await acme.runs.get(runId)).state === 'running' ? true : undefined));

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0 });
    acme = await system.organization('acme');
    await deploy(acme, 'napper', NAPPER, { timeoutMs: 60_000 });
  });
  afterEach(async () => {
    for (const { process, exited } of children.splice(0)) {
      process.kill('SIGKILL');
      await exited;
    }
  });
  afterAll(async () => { await system.stop(); });

  it('lets a run finish that ends before the deadline, and exits 0', async () => {
    const first = await worker({ BULLPEN_STOP_MS: '20000' });
    const run = await acme.runs.create({ agent: 'napper', input: { ms: 700, deaf: true } });
    await running(run.id);
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(await acme.runs.get(run.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  it('takes nothing new after SIGTERM', async () => {
    const first = await worker({ BULLPEN_STOP_MS: '20000' });
    const held = await acme.runs.create({ agent: 'napper', input: { ms: 700, deaf: true } });
    await running(held.id);
    first.process.kill('SIGTERM');
    await eventually('it is stopping', async () => first.lines.find((line) => line.msg === 'process.stopping'));
    const late = await acme.runs.create({ agent: 'napper', input: { ms: 1 } });
    expect(await first.exited).toBe(0);
    expect(await acme.runs.get(late.id)).toMatchObject({ state: 'queued', attempt: 0 });
    await worker();
    expect(await acme.runs.wait(late.id)).toMatchObject({ state: 'succeeded' });
  });

  it('gives back what does not end in time, without counting the attempt, and exits 0', async () => {
    const first = await worker({ BULLPEN_STOP_MS: '3500' });
    const run = await acme.runs.create({ agent: 'napper', input: { ms: 50_000 } });
    await running(run.id);
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(await acme.runs.get(run.id)).toMatchObject({ state: 'queued', attempt: 0 });
    await worker();
    await running(run.id);
    await acme.runs.cancel(run.id);
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'cancelled', attempt: 1 });
  });

  it('ends at once when it is told twice', async () => {
    const first = await worker({ BULLPEN_STOP_MS: '60000' });
    const run = await acme.runs.create({ agent: 'napper', input: { ms: 50_000, deaf: true } });
    await running(run.id);
    first.process.kill('SIGTERM');
    await eventually('it is stopping', async () => first.lines.find((line) => line.msg === 'process.stopping'));
    first.process.kill('SIGTERM');
    expect(await first.exited).toBe(1);
    await acme.runs.cancel(run.id);
    await worker();
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'cancelled' });
  });

  it('loses nothing when it is killed: another worker executes the same attempt again', async () => {
    const first = await worker();
    const runs = await Promise.all([1, 2, 3].map((ms) => acme.runs.create({ agent: 'napper', input: { ms: 2000 + ms, deaf: true } })));
    await Promise.all(runs.map((run) => running(run.id)));
    first.process.kill('SIGKILL');
    await first.exited;
    await worker();
    for (const run of runs) expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'succeeded', attempt: 1, result: 1 });
  });

  it('stops when the process that started it is gone', async () => {
    const first = await worker({ BULLPEN_EXIT_WITH_PARENT: '1' });
    first.process.stdin?.end();
    expect(await first.exited).toBe(0);
  });
});
