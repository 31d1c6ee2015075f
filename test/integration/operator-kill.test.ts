import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { killOrderSchema, type Run } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { requireProgram } from '../services/programs.ts';
import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

const STUCK = 'async (_input, ctx) => { ctx.emit("begun", null); await null; for (;;); }';

describe('limits and kills, from the request to the record', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  beforeAll(async () => {
    requireProgram('bubblewrap');
    system = await startSystem({ queue: 'redis' });
    acme = await system.organization('acme');
    await deploy(acme, 'stuck', STUCK, { limits: { cpuMs: 60_000 }, caps: { cpuMs: 60_000 } });
    await deploy(acme, 'chatty', 'async (_input, ctx) => { for (let i = 0; i < 50; i += 1) { ctx.log(`line ${i}`); await new Promise(setImmediate); } return 1; }');
  });
  afterAll(async () => { await system.stop(); });

  const begun = (run: Run) => eventually(`${run.id} runs`, async () => {
    const containers = (await system.admin.admin.status()).workers.flatMap((worker) => worker.organizations.flatMap((organization) => organization.containers));
    return containers.find((container) => container.runId === run.id && container.state === 'busy');
  });

  it('a run is ended at its limit, with the warning in its log and the receipt in its record', async () => {
    const run = await acme.runs.create({ agent: 'stuck', limits: { cpuMs: 400 } }, { wait: '30s' });
    expect(run).toMatchObject({
      state: 'cpu_exceeded', limits: { cpuMs: 400 }, error: { code: 'CPU_EXCEEDED' },
      kill: { attempt: 1, by: 'limit', deadAt: expect.any(String), reclaimedMb: expect.any(Number) },
    });
    const warnings: unknown[] = [];
    for await (const item of acme.runs.events(run.id, { follow: false })) if (item.kind === 'event' && item.event.type === 'log' && item.event.level === 'warn') warnings.push(item.event.fields);
    expect(warnings).toEqual([expect.objectContaining({ by: 'bullpen', limit: 'cpuMs', allowed: 400 })]);
    const chatty = await acme.runs.create({ agent: 'chatty', limits: { logBytes: 500 } }, { wait: '30s' });
    expect(chatty).toMatchObject({ state: 'failed', error: { code: 'LOG_VOLUME_EXCEEDED' } });
  });

  it('no run may ask for more than the caps of its version and organization', async () => {
    await expect(acme.runs.create({ agent: 'stuck', limits: { cpuMs: 60_001 } })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    const small = await system.organization('small');
    await deploy(small, 'stuck', STUCK);
    const changed = await fetch(`${system.apis[0]!.url()}/v1/organizations/small`, {
      method: 'PATCH', headers: { authorization: `Bearer ${system.env['BULLPEN_ADMIN_KEY']}`, 'content-type': 'application/json' }, body: JSON.stringify({ caps: { cpuMs: 100, timeoutMs: 5000 } }),
    });
    expect(await changed.json()).toMatchObject({ caps: { cpuMs: 100, timeoutMs: 5000 } });
    await expect(small.runs.create({ agent: 'stuck', timeoutMs: 5001 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(await small.runs.create({ agent: 'stuck' }, { wait: '30s' })).toMatchObject({ state: 'cpu_exceeded', timeoutMs: 5000, limits: { cpuMs: 100 } });
  });

  it.each(['basic', 'enhanced', 'strict'] as const)('an operator ends a run in tier %s by its id, for good', async (tier) => {
    const run = await acme.runs.create({ agent: 'stuck', tier, timeoutMs: 60_000, maxAttempts: 3 });
    const container = await begun(run);
    expect(killOrderSchema.parse(await system.admin.admin.killRun('acme', run.id))).toMatchObject({ orgId: 'acme', runId: run.id, containerId: container.id });
    expect(await acme.runs.wait(run.id)).toMatchObject({
      state: 'cancelled', attempt: 1, error: { code: 'KILLED_BY_OPERATOR' }, kill: { by: 'operator', deadAt: expect.any(String) },
    });
    await expect(system.admin.admin.killRun('acme', run.id)).rejects.toMatchObject({ code: 'RUN_ALREADY_FINISHED' });
  });

  it('an operator ends a container by its id', async () => {
    const run = await acme.runs.create({ agent: 'stuck', timeoutMs: 60_000 });
    const container = await begun(run);
    expect(await system.admin.admin.killContainer(container.id)).toMatchObject({ containerId: container.id, runId: run.id });
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'cancelled', error: { code: 'KILLED_BY_OPERATOR' } });
    await expect(acme.admin.killContainer(container.id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const waiting = await acme.runs.create({ agent: 'stuck', delayMs: 3_600_000 });
    await expect(system.admin.admin.killRun('acme', waiting.id)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});
