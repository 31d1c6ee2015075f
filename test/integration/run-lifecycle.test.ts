import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TIERS } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { requireProgram } from '../services/programs.ts';
import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

describe.each<QueueBackend>(['redis', 'postgres'])('a run, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    requireProgram('bubblewrap'); // before a worker looks for it
    system = await startSystem({ queue });
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input, ctx) => ({ input, attempt: ctx.attempt, org: ctx.run.orgId })');
    await deploy(acme, 'flaky', 'async (_input, ctx) => { if (ctx.attempt < 3) throw new Error(`attempt ${ctx.attempt}`); return ctx.attempt; }');
    await deploy(acme, 'sleeper', 'async (input, ctx) => { ctx.emit("begun", null); await new Promise((done) => { const t = setTimeout(done, input.ms); ctx.signal.addEventListener("abort", () => { clearTimeout(t); done(); }); }); return "woke"; }');
  });
  afterAll(async () => { await system.stop(); });

  it('goes from POST to its record in Postgres', async () => {
    const run = await acme.runs.create({ agent: 'echo', input: { n: 1, text: 'é😀' }, metadata: { from: 'test' } }, { wait: '30s' });
    expect(run).toMatchObject({
      state: 'succeeded', agent: 'echo', version: 1, attempt: 1, tier: 'enhanced', error: null, metadata: { from: 'test' },
      result: { input: { n: 1, text: 'é😀' }, attempt: 1, org: 'acme' },
    });
    expect(run.usage?.wallMs).toBeGreaterThan(0);
    const times = [run.queuedAt, run.claimedAt, run.startedAt, run.finishedAt].map((at) => Date.parse(at ?? ''));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(await acme.runs.get(run.id)).toEqual(run);
  });

  it.each(TIERS)('goes the same way in tier %s, and the operator sees what its worker can build', async (tier) => {
    const run = await acme.runs.create({ agent: 'echo', tier, input: 1 }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'succeeded', tier, result: { input: 1, attempt: 1, org: 'acme' } });
    const status = await eventually('a heartbeat', async () => {
      const seen = await system.admin.admin.status();
      return seen.workers[0]?.isolation === undefined ? undefined : seen;
    });
    expect(status.workers[0]?.isolation?.tiers).toContainEqual(expect.objectContaining({ tier, isBuilt: true }));
  });

  it('is retried with backoff and keeps one row', async () => {
    const run = await acme.runs.create({ agent: 'flaky', maxAttempts: 3, backoff: { baseMs: 20, maxMs: 50, jitter: true } }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'succeeded', attempt: 3, result: 3 });
  });

  it('fails for good when its attempts are used up', async () => {
    const run = await acme.runs.create({ agent: 'flaky', maxAttempts: 2, backoff: { baseMs: 1, maxMs: 1, jitter: false } }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'failed', attempt: 2, error: { code: 'AGENT_THREW', message: 'attempt 2' } });
    expect(run.error?.stack).toContain('attempt 2');
  });

  it('waits for its delay', async () => {
    const run = await acme.runs.create({ agent: 'echo', delayMs: 300 });
    expect(run.state).toBe('scheduled');
    const done = await acme.runs.wait(run.id);
    expect(Date.parse(done.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(run.notBefore ?? ''));
  });

  it('is killed at its hard timeout', async () => {
    await deploy(acme, 'spinner', 'async () => { for (;;); }');
    const run = await acme.runs.create({ agent: 'spinner', timeoutMs: 200 }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'timed_out', error: { code: 'TIMED_OUT' } });
  });

  it('is cancelled while it runs, from another API process', async () => {
    const other = system.clientOf(await system.startApi(), 'acme');
    const run = await acme.runs.create({ agent: 'sleeper', input: { ms: 60_000 }, timeoutMs: 120_000 });
    await eventually('the run runs', async () => ((await acme.runs.get(run.id)).state === 'running' ? true : undefined));
    await other.runs.cancel(run.id);
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' }, attempt: 1 });
    await expect(other.runs.cancel(run.id)).rejects.toMatchObject({ code: 'RUN_ALREADY_FINISHED' });
  });

  it('is cancelled while it waits, and then never executed', async () => {
    const run = await acme.runs.create({ agent: 'echo', delayMs: 60_000 });
    expect(await acme.runs.cancel(run.id)).toMatchObject({ state: 'cancelled', attempt: 0 });
    expect((await acme.runs.get(run.id)).startedAt).toBeNull();
  });

  it('is not retried once its cancel was requested', async () => {
    await deploy(acme, 'stubborn', 'async (_input, ctx) => { await new Promise((done) => ctx.signal.addEventListener("abort", done)); throw new Error("no"); }');
    const run = await acme.runs.create({ agent: 'stubborn', maxAttempts: 5 });
    await eventually('the run runs', async () => ((await acme.runs.get(run.id)).state === 'running' ? true : undefined));
    await acme.runs.cancel(run.id);
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'cancelled', attempt: 1 });
  });

  it('is one run when it is posted twice with one idempotency key', async () => {
    const [a, b] = await Promise.all([1, 2].map(() => acme.runs.create({ agent: 'echo', input: 7 }, { idempotencyKey: 'seven' })));
    expect(a?.id).toBe(b?.id);
    await expect(acme.runs.create({ agent: 'echo', input: 8 }, { idempotencyKey: 'seven' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await acme.runs.wait(a?.id ?? '')).toMatchObject({ result: { input: 7 } });
  });

  it('is given to a repeat of its request that would be refused by now, and to no other request', async () => {
    await deploy(acme, 'capped', 'async () => 1');
    await acme.deployments.put('capped', 'blue', { version: 1 });
    const wanted = { agent: 'capped', deployment: 'blue' };
    const run = await acme.runs.create(wanted, { idempotencyKey: 'to-blue' });
    await acme.deployments.delete('capped', 'blue');
    await expect(acme.runs.create(wanted)).rejects.toMatchObject({ status: 404 });
    expect((await acme.runs.create(wanted, { idempotencyKey: 'to-blue' })).id).toBe(run.id);
    expect(await acme.runs.create(wanted, { idempotencyKey: 'to-blue', wait: '30s' })).toMatchObject({ id: run.id, state: 'succeeded' });
    await expect(acme.runs.create({ ...wanted, input: 1 }, { idempotencyKey: 'to-blue' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    await expect(acme.runs.create(wanted, { idempotencyKey: 'to-green' })).rejects.toMatchObject({ status: 404 });
  });

  it('tells what it says in order, also to a client that comes back', async () => {
    await deploy(acme, 'talker', 'async (_input, ctx) => { for (let i = 0; i < 500; i += 1) { ctx.log.info(`line ${i}`); if (i % 50 === 0) await new Promise((r) => setTimeout(r, 2)); } ctx.progress(1); console.log("and", { that: "is it" }); }');
    const run = await acme.runs.create({ agent: 'talker' });
    const said: string[] = [];
    for await (const item of acme.runs.events(run.id)) if ('event' in item && item.event.type === 'log') said.push(item.event.message);
    expect(said.slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, i) => `line ${i}`));
    expect(said).toHaveLength(501);

    const all = await readEvents(system, run.id, '');
    const later = await readEvents(system, run.id, `&after=${all[250]?.seq}`);
    expect(later).toEqual(all.slice(251));
  });

  it('counts in the metrics of its organization', async () => {
    const globex = await system.organization('globex');
    await deploy(globex, 'echo', 'async () => 1');
    await deploy(globex, 'thrower', 'async () => { throw null; }');
    await Promise.all(['echo', 'echo', 'thrower'].map((agent) => globex.runs.create({ agent }, { wait: '30s' })));
    const metrics = await eventually('the runs are counted', async () => {
      const { organizations } = await system.admin.admin.metrics({ windowMs: 3_600_000 });
      return organizations.find((one) => one.orgId === 'globex' && one.runs === 3);
    });
    expect(metrics).toMatchObject({ runs: 3, failures: 1 });
    expect(metrics.p50Ms).toBeGreaterThan(0);
    expect(metrics.p95Ms).toBeGreaterThanOrEqual(metrics.p50Ms ?? 0);
  });

  it('shows up in the operator\'s status with its container', async () => {
    const run = await acme.runs.create({ agent: 'sleeper', input: { ms: 60_000 }, timeoutMs: 120_000 });
    const status = await eventually('a heartbeat tells of the run', async () => {
      const now = await system.admin.admin.status();
      return now.workers.some((w) => w.organizations.some((o) => o.containers.some((c) => c.runId === run.id))) ? now : undefined;
    });
    expect(status.queueBackend).toBe(queue);
    expect(status.organizations.find((one) => one.id === 'acme')?.reservedMb).toBeGreaterThan(0);
    expect(status.recentRuns[0]?.id).toBe(run.id);
    await acme.runs.cancel(run.id);
    await acme.runs.wait(run.id);
  });
});

async function readEvents(system: RunningSystem, runId: string, query: string): Promise<{ seq: number }[]> {
  const response = await fetch(`${system.apis[0]?.url()}/v1/runs/${runId}/events?follow=false${query}`, {
    headers: { authorization: `Bearer ${system.env.BULLPEN_ADMIN_KEY}`, 'x-bullpen-org': 'acme' },
  });
  const frames = (await response.text()).split('\n\n').filter((frame) => frame.startsWith('id:'));
  return frames.map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)) as { seq: number });
}
