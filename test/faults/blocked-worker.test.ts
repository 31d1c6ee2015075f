import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { FaultPoint } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { startChild, type Child } from '../system/child-process.ts';
import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

const LEASE_MS = 1000;
/** Longer than two leases, shorter than what a silent main thread is granted (four). */
const A_WHILE_MS = 2500;
/** Longer than the four leases, the one that then runs out, and the sweeps that find it. */
const TOO_LONG_MS = 9000;
const FOR_EVER_MS = 2 ** 30;

interface Said { token: number }

describe.each<QueueBackend>(['redis', 'postgres'])('a worker whose event loop stands still, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  const children: Child[] = [];

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0, env: { BULLPEN_LEASE_MS: String(LEASE_MS), LOG_LEVEL: 'info' } });
    acme = await system.organization('acme');
    await deploy(acme, 'once', "async (_input, ctx) => { ctx.log.info('here'); return { token: Math.random() }; }");
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.process.kill('SIGKILL');
      await child.exited;
    }
    await system.stopWorkers();
  });
  afterAll(async () => { await system.stop(); });

  /** A worker that has taken the run and stands still, and another one that looks for work. */
  async function blocked(blockAt: FaultPoint, blockMs: number): Promise<{ runId: string; child: Child }> {
    const child = await startChild('blocked-worker', { ...system.env, BLOCK_AT: blockAt, BLOCK_MS: String(blockMs) });
    children.push(child);
    const { id } = await acme.runs.create({ agent: 'once' });
    await eventually('it stands still', async () => line(child, 'worker.blocks'));
    await system.startWorker();
    return { runId: id, child };
  }

  /** Of each event of the run, the lease under which it was said. */
  async function leasesOf(runId: string): Promise<Set<number>> {
    const leases = new Set<number>();
    for await (const item of acme.runs.events(runId)) if (item.kind === 'event') leases.add(Math.floor(item.seq / 1_000_000));
    return leases;
  }

  it('keeps its run for longer than a lease, and ends it', async () => {
    const { runId, child } = await blocked('after-claim', A_WHILE_MS);
    expect(await acme.runs.wait(runId)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await leasesOf(runId)).toEqual(new Set([1]));
    expect(line(child, 'worker.goes_on')).toBeDefined();
    expect(line(child, 'queue.lease_lost')).toBeUndefined();
  });

  it('is not granted more than four leases: another worker ends the run, and what it then brings changes nothing', async () => {
    const { runId, child } = await blocked('after-execute', TOO_LONG_MS);
    const done = await acme.runs.wait<Said>(runId);
    expect(done).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(line(child, 'worker.goes_on')).toBeUndefined();
    // What was said under the first lease may have been kept before everything stood still.
    const leases = await leasesOf(runId);
    expect(leases).toContain(2);
    await eventually('it goes on, and hears that it lost the run', async () => line(child, 'queue.lease_lost') ?? line(child, 'queue.lease_was_lost'), 30_000);
    child.process.kill('SIGTERM');
    expect(await child.exited).toBe(0);
    expect(await acme.runs.get(runId)).toEqual(done);
    expect(await leasesOf(runId)).toEqual(leases);
  });

  it('loses its run when it never goes on', async () => {
    const { runId } = await blocked('after-claim', FOR_EVER_MS);
    expect(await acme.runs.wait(runId)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await leasesOf(runId)).toEqual(new Set([2]));
  });
});

function line(child: Child, event: string): Record<string, unknown> | undefined {
  return child.lines.find(({ msg }) => msg === event);
}
