import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Run } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { requireProgram } from '../services/programs.ts';
import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

jest.setTimeout(120_000);

/**
 * The crash radius of tier enhanced is the organization: runs whose cell had to be killed because of another run of theirs
 * are queued again and do not lose an attempt; the one to blame gets its own end, also when it was not known at first.
 */
describe('the runs of an organization whose cell is lost', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let globex: BullpenClient;
  const BYSTANDER = 'async (ms, ctx) => { ctx.emit("begun", ctx.attempt); await new Promise((done) => setTimeout(done, ms)); return "finished"; }';
  beforeAll(async () => {
    requireProgram('bubblewrap');
    system = await startSystem({ queue: 'redis' });
    acme = await system.organization('acme');
    globex = await system.organization('globex');
    await deploy(acme, 'bystander', BYSTANDER);
    await deploy(globex, 'bystander', BYSTANDER);
    await deploy(acme, 'native', 'async () => (await import("node:crypto")).pbkdf2Sync("a", "b", 5e8, 64, "sha512").length', { timeoutMs: 500 });
    await deploy(acme, 'killer', 'async () => { process.kill(process.pid, "SIGKILL"); }');
  });
  afterAll(async () => { await system.stop(); });

  const beginnings = async (client: BullpenClient, runId: string): Promise<number> => {
    let count = 0;
    for await (const item of client.runs.events(runId, { follow: false })) if (item.kind === 'event' && item.event.type === 'emit') count += 1;
    return count;
  };

  /** Begins bystanders, then the run to blame once they are running; gives the ends of all. */
  async function withBystanders(culprit: string): Promise<{ blamed: Run; innocent: Run[]; neighbour: Run }> {
    const waiting = await Promise.all([acme, acme, globex].map((client) => client.runs.create({ agent: 'bystander', input: 2500 })));
    await eventually('bystanders that have begun', async () => {
      const counts = await Promise.all(waiting.map((run) => beginnings(run.orgId === 'acme' ? acme : globex, run.id)));
      return counts.every((count) => count > 0) || undefined;
    });
    const { id } = await acme.runs.create({ agent: culprit });
    const [first, second, neighbour, blamed] = await Promise.all([...waiting.slice(0, 2).map((run) => acme.runs.wait(run.id)), globex.runs.wait(waiting[2]?.id ?? ''), acme.runs.wait(id)]);
    return { blamed: blamed as Run, innocent: [first as Run, second as Run], neighbour: neighbour as Run };
  }

  async function expectInnocents(innocent: Run[]): Promise<void> {
    for (const run of innocent) {
      expect(run).toMatchObject({ state: 'succeeded', attempt: 1, result: 'finished', error: null });
      expect(await beginnings(acme, run.id)).toBe(2);
    }
  }

  it('are run again where a native call had to be killed at its deadline', async () => {
    const { blamed, innocent, neighbour } = await withBystanders('native');
    expect(blamed).toMatchObject({ state: 'timed_out', attempt: 1, error: { code: 'TIMED_OUT' } });
    await expectInnocents(innocent);
    expect(neighbour).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await beginnings(globex, neighbour.id)).toBe(1);
  });

  it('are run again, each alone, where nobody knows which of them ended it; the one that did does it again, to itself', async () => {
    const { blamed, innocent } = await withBystanders('killer');
    expect(blamed).toMatchObject({ state: 'crashed', attempt: 1, error: { code: 'CONTAINER_CRASHED' } });
    await expectInnocents(innocent);
  });
});
