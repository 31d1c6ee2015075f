import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { newId, silentLogger, systemClock, type ContainerSnapshot, type WorkerSnapshot } from '@bullpen/core';
import {
  adminClaimRetention, adminDropEventPartitions, adminFindLostWorkers, adminMakeEventPartitions, adminRecordWorker, adminRunsNeedingCare,
  createOrganization, getRun, listRunEvents, updateOrganization,
} from '@bullpen/db';
import { RecordUpkeep } from '@bullpen/worker';

import { ORG, createDbFixture, success, type DbFixture } from './db-fixture.ts';

const DAY_MS = 24 * 3600 * 1000;

let fixture: DbFixture;
beforeEach(async () => { fixture = await createDbFixture(); });
afterEach(async () => { await fixture[Symbol.asyncDispose](); });

const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS).toISOString();
/** The id that a run of that day would have. */
const idOf = async (days: number, n: number) => {
  const [row] = await fixture.db.sql<{ id: string }[]>`SELECT run_id_at(${daysAgo(days)}::timestamptz) || ${String(n).padStart(16, '0')} AS id`;
  return row?.id ?? '';
};

/** A run that ended so many days ago and said something then. */
async function oldRun(days: number, n = 0, overrides: { orgId?: string } = {}): Promise<string> {
  const id = await idOf(days, n);
  const run = await fixture.claimed({ id, ...overrides });
  await fixture.store.appendEvents({ orgId: ORG, runId: id, lease: run.lease, events: [{ seq: run.lease * 1_000_000, attempt: 1, at: daysAgo(days), event: { type: 'progress', fraction: 1 } }] });
  await fixture.store.finish(success(run, { finishedAtMs: Date.now() - days * DAY_MS }));
  return id;
}

const partitions = async () => (await fixture.db.sql<{ name: string }[]>`
  SELECT c.relname AS name FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'run_events'::regclass ORDER BY 1`).map(({ name }) => name);
const dayName = (days: number) => `run_events_${daysAgo(days).slice(0, 10).replaceAll('-', '')}`;

describe('partitions of events', () => {
  it('are made ahead, once, by however many at once', async () => {
    const made = await Promise.all([1, 2, 3, 4].map(() => adminMakeEventPartitions(fixture.db, 9)));
    expect(made.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
    expect(await partitions()).toEqual(expect.arrayContaining([dayName(0), dayName(-9)]));
    expect(await adminMakeEventPartitions(fixture.db, 9)).toBe(0);
  });

  it('are not missed: what comes on a day without one is kept, read, and moved to it when it is made', async () => {
    await fixture.db.sql.unsafe(`DROP TABLE ${dayName(0)}`);
    const id = await oldRun(0);
    expect(await listRunEvents(fixture.db, ORG, id, -1, 10)).toHaveLength(1);
    expect(await fixture.db.sql`SELECT 1 FROM run_events_default`).toHaveLength(1);
    await adminMakeEventPartitions(fixture.db, 3);
    expect(await fixture.db.sql`SELECT 1 FROM run_events_default`).toHaveLength(0);
    expect(await listRunEvents(fixture.db, ORG, id, -1, 10)).toHaveLength(1);
  });

  it('are dropped when no organization keeps their day any more', async () => {
    const { db } = fixture;
    await db.sql`SELECT make_partitions('run_events', current_date - 45, 46)`;
    await updateOrganization(db, ORG, { retention: { eventDays: 40 } });
    await createOrganization(db, { id: 'brief', name: 'Brief', poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic', retention: { eventDays: 1 } });
    expect(await adminDropEventPartitions(db)).toBe(5);
    expect(await partitions()).toContain(dayName(39));
    expect(await partitions()).not.toContain(dayName(41));
  });

  it('let the planner leave out the days before a run', async () => {
    await fixture.db.sql`SELECT make_partitions('run_events', current_date - 30, 31)`;
    const id = await idOf(3, 1);
    const plan = await fixture.db.tenant(ORG, ({ sql }) => sql<{ 'QUERY PLAN': string }[]>`
      EXPLAIN SELECT 1 FROM run_events WHERE org_id = ${ORG} AND run_id = ${id} AND seq > -1 AND at >= ${daysAgo(4)}::timestamptz`);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect([text.includes(dayName(3)), text.includes(dayName(6)), /Seq Scan/.test(text.replaceAll(/run_events_default/g, ''))]).toEqual([true, false, false]);
  });
});

describe('retention', () => {
  it('removes what an organization no longer keeps and nothing else, in one turn', async () => {
    const { db } = fixture;
    await updateOrganization(db, ORG, { retention: { runDays: 10, eventDays: 5 } });
    const [gone, silent, kept] = [await oldRun(12, 1), await oldRun(7, 2), await oldRun(1, 3)];
    const open = fixture.newRun({ id: await idOf(20, 4) });
    await fixture.store.insert(open);
    await new RecordUpkeep({ db, clock: systemClock, log: silentLogger, everyMs: 1000 }).turn();
    await expect(getRun(db, ORG, gone)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await listRunEvents(db, ORG, gone, -1, 10)).toEqual([]);
    expect([(await getRun(db, ORG, silent)).state, await listRunEvents(db, ORG, silent, -1, 10)]).toEqual(['succeeded', []]);
    expect(await listRunEvents(db, ORG, kept, -1, 10)).toHaveLength(1);
    expect((await getRun(db, ORG, open.id)).state).toBe('queued');
  });

  it('gives each organization to one caller, and again only after a while', async () => {
    for (const id of ['b', 'c', 'd']) await createOrganization(fixture.db, { id, name: id, poolMb: 64, maxMemoryMb: 64, minimumTier: 'basic' });
    const claims = await Promise.all([1, 2, 3, 4].map(() => adminClaimRetention(fixture.db, { limit: 2, everyMs: 60_000 })));
    expect(claims.flat().map(({ orgId }) => orgId).sort()).toEqual([ORG, 'b', 'c', 'd'].sort());
    expect(await adminClaimRetention(fixture.db, { limit: 9, everyMs: 60_000 })).toEqual([]);
  });
});

describe('the fleet', () => {
  const container = (id: string, orgId: string, overrides: Partial<ContainerSnapshot> = {}): ContainerSnapshot => ({
    id, orgId, tier: 'basic', state: 'warm', death: null, limitMb: 64, heapMb: 5, externalMb: 1, cpuMs: 2, runs: 1, runId: null, reserveMb: 64,
    baselineMb: 5, eventLoopDelayMs: null, health: { score: 100, reason: 'well', components: [] }, ageMs: 1000, ...overrides,
  });
  const worker = (id: string, containers: ContainerSnapshot[]): WorkerSnapshot => ({
    id, host: 'here', pid: 1, platform: 'linux x64', startedAt: daysAgo(1), at: new Date().toISOString(), state: 'running', slots: 4, running: 1, rssMb: 80, eventLoopDelayMs: 1,
    organizations: [{ orgId: ORG, poolMb: 64, reservedMb: 64, containers, deaths: {} }],
  });
  const shown = async () => fixture.db.sql`SELECT id, state, death, ended_at IS NOT NULL AS ended FROM containers ORDER BY id`;

  it('is written down as it reports itself; a container that is missed is dead', async () => {
    const { db } = fixture;
    await adminRecordWorker(db, worker('wkr_1', [container('ctr_1', ORG), container('ctr_2', ORG), container('ctr_3', 'nobody')]), 'running');
    await adminRecordWorker(db, worker('wkr_1', [container('ctr_2', ORG, { state: 'dead', death: 'idle' })]), 'running');
    expect(await shown()).toEqual([{ id: 'ctr_1', state: 'dead', death: null, ended: true }, { id: 'ctr_2', state: 'dead', death: 'idle', ended: true }]);
    await adminRecordWorker(db, worker('wkr_1', []), 'stopped');
    expect(await db.sql`SELECT state, ended_at IS NOT NULL AS ended FROM workers`).toEqual([{ state: 'stopped', ended: true }]);
  });

  it('knows who fell silent, and which runs stand still for it; who speaks again is there again', async () => {
    const { db } = fixture;
    const run = await fixture.claimed();
    await adminRecordWorker(db, worker('wkr_1', [container('ctr_1', ORG)]), 'running');
    expect(await adminFindLostWorkers(db, 60_000)).toEqual([]);
    await db.sql`UPDATE workers SET seen_at = now() - interval '5 minutes'`;
    expect(await adminFindLostWorkers(db, 60_000)).toEqual(['wkr_1']);
    expect(await shown()).toEqual([{ id: 'ctr_1', state: 'dead', death: 'worker_lost', ended: true }]);
    expect(await adminRunsNeedingCare(db, { olderThanMs: 0, limit: 5 })).toMatchObject([{ runId: run.runId, cause: 'worker_lost' }]);
    await adminRecordWorker(db, worker('wkr_1', [container('ctr_1', ORG)]), 'running');
    expect([await shown(), await adminRunsNeedingCare(db, { olderThanMs: 0, limit: 5 })]).toEqual([[{ id: 'ctr_1', state: 'warm', death: null, ended: false }], []]);
  });

  it('counts how an organization stands, from the record', async () => {
    const done = await fixture.claimed();
    await fixture.store.finish(success(done, { finishedAtMs: Date.now() }));
    const failed = await fixture.claimed();
    await fixture.store.finish(success(failed, { state: 'failed', resultJson: null, error: { code: 'AGENT_THREW', message: 'x' }, finishedAtMs: Date.now() }));
    await fixture.store.insert(fixture.newRun({ id: newId('run') }));
    await fixture.claimed();
    expect(await fixture.db.sql`SELECT finished, failed, waiting, running, lost, containers FROM organization_health(${ORG})`)
      .toEqual([{ finished: 2, failed: 1, waiting: 1, running: 1, lost: 0, containers: 0 }]);
  });
});
