import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MOST_BATCH_RUNS } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { bullpen } from '../system/bullpen-command.ts';
import { ADMIN_KEY, deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

const HOUR_MS = 3_600_000;

describe.each<QueueBackend>(['redis', 'postgres'])('batches and drains, with the queue on %s', (queue) => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let globex: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0 });
    acme = await system.organization('acme');
    globex = await system.organization('globex');
    await deploy(acme, 'echo', 'async (input) => input');
  });
  afterAll(async () => { await system.stop(); });

  const queued = async (orgId: string) => (await system.apis[0]!.queue.counts([orgId])).get(orgId)!;
  const rows = async (orgId: string) => (await system.apis[0]!.db.sql<{ n: number }[]>`SELECT count(*)::int AS n FROM runs WHERE org_id = ${orgId}`)[0]!.n;

  it('a batch of a thousand is a thousand rows and jobs, in its order, and the same batch again makes none', async () => {
    const runs = Array.from({ length: MOST_BATCH_RUNS }, (_, input) => ({ agent: 'echo', input, delayMs: HOUR_MS }));
    const first = await acme.runs.createBatch(runs, { idempotencyKey: 'nightly' });
    expect(first.created).toBe(MOST_BATCH_RUNS);
    expect(await queued('acme')).toMatchObject({ delayed: MOST_BATCH_RUNS });
    expect(await acme.runs.get(first.runs[417]!.run.id)).toMatchObject({ input: 417, state: 'scheduled' });
    const again = await acme.runs.createBatch(runs, { idempotencyKey: 'nightly' });
    expect(again.created).toBe(0);
    expect(again.runs.map(({ run }) => run.id)).toEqual(first.runs.map(({ run }) => run.id));
    expect(await rows('acme')).toBe(MOST_BATCH_RUNS);
    await expect(acme.runs.createBatch(runs.slice(1), { idempotencyKey: 'nightly' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await rows('acme')).toBe(MOST_BATCH_RUNS);
  });

  it('is all or none: one run that cannot be made, or whose key another request had, and there is no row and no job', async () => {
    const before = { rows: await rows('acme'), jobs: await queued('acme') };
    const good = { agent: 'echo', delayMs: HOUR_MS };
    await expect(acme.runs.createBatch([good, { agent: 'nobody' }])).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    const [used] = (await acme.runs.createBatch([{ ...good, input: 1, idempotencyKey: 'mine' }])).runs;
    await expect(acme.runs.createBatch([good, good, { ...good, input: 2, idempotencyKey: 'mine' }])).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await rows('acme')).toBe(before.rows + 1);
    expect(await queued('acme')).toEqual({ ...before.jobs, delayed: before.jobs.delayed + 1 });
    const mixed = await acme.runs.createBatch([{ ...good, input: 1, idempotencyKey: 'mine' }, good]);
    expect(mixed.runs.map(({ created }) => created)).toEqual([false, true]);
    expect(mixed.runs[0]!.run.id).toBe(used!.run.id);
  });

  it.each([0, MOST_BATCH_RUNS + 1])('of %i runs is refused', async (length) => {
    await expect(acme.runs.createBatch(Array.from({ length }, () => ({ agent: 'echo' })))).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('a drain cancels what waits, counts it, and touches no other organization', async () => {
    await deploy(globex, 'echo', 'async (input) => input');
    const theirs = await globex.runs.create({ agent: 'echo', delayMs: HOUR_MS });
    const waiting = await rows('acme');
    expect(await acme.organizations.drain('acme')).toEqual({ cancelled: waiting });
    expect(await queued('acme')).toEqual({ waiting: 0, delayed: 0, active: 0 });
    expect((await acme.runs.list({ state: 'cancelled', limit: 1 })).items[0]).toMatchObject({ error: { code: 'CANCELLED' } });
    expect((await globex.runs.get(theirs.id)).state).toBe('scheduled');
    expect(await acme.organizations.drain('acme')).toEqual({ cancelled: 0 });
    await expect(acme.organizations.drain('globex')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('a paused organization starts nothing, says why, and goes on when it is resumed', async () => {
    await system.startWorker();
    await system.admin.organizations.pause('acme');
    const run = await acme.runs.create({ agent: 'echo', input: 7 });
    expect((await acme.runs.why(run.id)).causes[0]).toMatchObject({ cause: 'organization_paused' });
    await system.admin.organizations.resume('acme');
    expect(await acme.runs.wait(run.id)).toMatchObject({ state: 'succeeded', result: 7 });
    const again = await acme.runs.replay(run.id);
    expect(await acme.runs.wait(again.id)).toMatchObject({ state: 'succeeded', result: 7, metadata: { replayOf: run.id } });
    await system.stopWorkers();
  });

  it('are had by the command as well, like pause, why, replay and schedules', async () => {
    const { secret } = await system.admin.keys.create({ orgId: 'acme' });
    const at = ['--url', system.apis[0]!.url(), '--org', 'acme'];
    const cli = (args: string[], key = secret, stdin?: string) => bullpen([...args, ...at, '--key', key], { cwd: process.cwd(), ...(stdin === undefined ? {} : { stdin }) });
    const made = await cli(['batch'], secret, JSON.stringify([{ agent: 'echo', delayMs: HOUR_MS }, { agent: 'echo', delayMs: HOUR_MS }]));
    expect(made).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('2 of 2 are new') });
    const [runId = ''] = made.stdout.trim().split('\n');
    expect(await cli(['pause'], ADMIN_KEY)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('acme is paused') });
    expect(await cli(['why', runId])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/organization_paused/) });
    expect(await cli(['resume'], ADMIN_KEY)).toMatchObject({ exitCode: 0 });
    expect(await cli(['drain'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('2 waiting runs of acme are cancelled') });
    expect(await cli(['replay', runId])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^run_/) });
    expect(await cli(['schedules', 'create', 'hourly', 'echo', '--every', '3600000'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('hourly: every') });
    expect(await cli(['schedules', 'pause', 'hourly'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('paused') });
    expect(await cli(['schedules'])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/hourly +echo/) });
    expect(await cli(['schedules', 'delete', 'hourly'])).toMatchObject({ exitCode: 0 });
    expect(await acme.organizations.drain('acme')).toEqual({ cancelled: 1 });
  });

  it('schedules are made, paused, resumed, told and deleted by the client', async () => {
    const made = await acme.schedules.create({ name: 'daily', run: { agent: 'echo' }, cron: '0 9 * * *', timeZone: 'Europe/Berlin' });
    expect((await acme.schedules.next('daily', { count: 3 })).times).toHaveLength(3);
    expect((await acme.schedules.pause('daily')).nextAt).toBeNull();
    expect((await acme.schedules.resume('daily')).nextAt).toBe(made.nextAt);
    expect((await acme.schedules.list()).items.map(({ name }) => name)).toEqual(['daily']);
    await acme.schedules.delete('daily');
    await expect(acme.schedules.get('daily')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await eventually('it is gone', async () => ((await acme.schedules.list()).items.length === 0 ? true : undefined));
  });
});
