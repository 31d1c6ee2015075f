import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { doctorReportSchema, newId, type DoctorReport } from '@bullpen/core';
import type { BullpenApi } from '@bullpen/api';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';

/** Nothing but the doctor mends here: there is no worker. */
describe.each<QueueBackend>(['redis', 'postgres'])('the doctor, with its queue on %s', (queue) => {
  let system: RunningSystem;
  let api: BullpenApi;
  let acme: BullpenClient;
  beforeAll(async () => {
    system = await startSystem({ queue, workers: 0 });
    api = system.apis[0]!;
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
  });
  afterAll(async () => { await system.stop(); });

  const examine = async (repair: boolean): Promise<DoctorReport> => doctorReportSchema.parse(await system.admin.admin.doctor({ repair }));
  const found = (report: DoctorReport) => Object.fromEntries(report.findings.filter((one) => one.found > 0).map((one) => [one.name, [one.found, one.repaired]]));
  /** As if the runs had been accepted a minute ago: the newest are left to whoever is writing them. */
  const age = () => api.db.sql`UPDATE runs SET queued_at = queued_at - interval '1 minute', claimed_at = claimed_at - interval '1 minute'`;

  it('finds nothing where every run has its job, and says what it compared', async () => {
    const waiting = await acme.runs.create({ agent: 'echo' });
    const delayed = await acme.runs.create({ agent: 'echo', delayMs: 3_600_000, priority: 1 });
    await age();
    const report = await examine(true);
    expect(report).toMatchObject({ isSound: true, rows: 2, jobs: 2, organizations: 1 });
    expect(found(report)).toEqual({});
    for (const { id } of [waiting, delayed]) await acme.runs.cancel(id);
  });

  it('gives a run without a job its job', async () => {
    const run = await acme.runs.create({ agent: 'echo' });
    await api.queue.remove('acme', run.id);
    await age();
    const seen = await examine(false);
    expect(seen.isSound).toBe(false);
    expect(found(seen)).toEqual({ waiting_without_job: [1, 0] });
    expect(seen.findings[0]?.examples).toEqual([{ orgId: 'acme', runId: run.id, detail: 'echo v1' }]);
    const mended = await examine(true);
    expect([mended.isSound, found(mended)]).toEqual([true, { waiting_without_job: [1, 1] }]);
    expect(await api.queue.missing('acme', [run.id])).toEqual([]);
    expect(found(await examine(true))).toEqual({});
    await acme.runs.cancel(run.id);
  });

  it('queues a run again whose job was lost while it ran, and waits for the lease of one that has its job', async () => {
    const [lost, held] = [await acme.runs.create({ agent: 'echo' }), await acme.runs.create({ agent: 'echo' })];
    for (const { id } of [lost, held]) await api.store.claim({ orgId: 'acme', runId: id, workerId: 'wkr_gone' });
    await api.queue.remove('acme', lost.id);
    await age();
    const report = await examine(true);
    expect([report.isSound, found(report)]).toEqual([true, { running_without_job: [1, 1], worker_gone: [1, 0] }]);
    expect(await acme.runs.get(lost.id)).toMatchObject({ state: 'queued', attempt: 0 });
    expect(await api.queue.missing('acme', [lost.id])).toEqual([]);
    await api.db.sql`UPDATE runs SET state = 'cancelled', finished_at = now() WHERE id = ${held.id}`;
    await acme.runs.cancel(lost.id);
  });

  it('removes jobs whose run is not there, or has ended', async () => {
    const stray = newId('run');
    const ended = await acme.runs.create({ agent: 'echo' });
    await examine(true); // what the test before left
    await api.db.sql`UPDATE runs SET state = 'cancelled', finished_at = now() WHERE id = ${ended.id}`;
    await api.queue.enqueue([{ orgId: 'acme', runId: stray, memoryMb: 64, delayMs: 0 }, { orgId: 'acme', runId: ended.id, memoryMb: 64, delayMs: 0 }]);
    const report = await examine(true);
    expect([report.isSound, found(report)]).toEqual([true, { job_without_row: [1, 1], job_of_ended_run: [1, 1] }]);
    expect((await api.queue.missing('acme', [stray, ended.id])).toSorted()).toEqual([stray, ended.id].toSorted());
  });

  it('is for the platform admin', async () => {
    await expect(acme.admin.doctor()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
