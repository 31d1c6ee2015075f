import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { BullpenError, Deadline, MAX_SCHEDULES_PER_ORGANIZATION, type Problem, type Schedule, type SchedulePage, type SchedulePreview } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';
import { apiOf, forgetClaims, heldClock, runsOf, schedulerOn, schedulesOf, timesOf } from '../system/schedule-rig.ts';

const SLEEPER = 'async (input, ctx) => { await new Promise((done) => ctx.signal.addEventListener("abort", done)); return "woke"; }';
const MINUTE_MS = 60_000;

describe.each<QueueBackend>(['redis', 'postgres'])('schedules on two workers, with their queue on %s', (queue) => {
  let system: RunningSystem;

  beforeAll(async () => {
    system = await startSystem({ queue, workers: 2 });
    await deploy(await system.organization('acme'), 'echo', 'async (input, ctx) => ({ input, metadata: ctx.run.metadata })');
  });
  afterAll(async () => { await system.stop(); });

  it('make each run once, on time after time, and the runs are executed', async () => {
    const acme = schedulesOf(system, 'acme');
    const schedule = await acme.create({ name: 'tick', intervalMs: 1000, overlap: 'allow', run: { agent: 'echo', input: { n: 1 }, metadata: { team: 'a' } } });
    await eventually('four runs have succeeded', async () => {
      const done = (await runsOf(system, 'acme', 'tick')).filter((run) => run.state === 'succeeded');
      return done.length >= 4 ? true : undefined;
    });
    expect((await acme.change('tick', { paused: true })).body).toMatchObject({ paused: true, nextAt: null, lastError: null });
    const times = (await timesOf(system, 'acme', 'tick')).map((time) => Date.parse(time));
    const firstMs = Date.parse(schedule.timedAt) + 1000;
    expect(times).toEqual(times.map((_, index) => firstMs + index * 1000));
    const [first] = await runsOf(system, 'acme', 'tick');
    expect(first?.metadata).toEqual({ team: 'a', schedule: 'tick', scheduledFor: new Date(firstMs).toISOString() });
  });

  it('make no more runs once they are deleted', async () => {
    const acme = schedulesOf(system, 'acme');
    await acme.create({ name: 'doomed', intervalMs: 1000, run: { agent: 'echo' } });
    await eventually('a run was made', async () => ((await timesOf(system, 'acme', 'doomed')).length > 0 ? true : undefined));
    expect((await acme.call('DELETE', '/doomed')).status).toBe(204);
    const atDeletion = await timesOf(system, 'acme', 'doomed');
    await acme.create({ name: 'after', intervalMs: 1000, overlap: 'allow', run: { agent: 'echo' } });
    await eventually('another schedule has fired twice since', async () => ((await timesOf(system, 'acme', 'after')).length >= 2 ? true : undefined));
    expect(await timesOf(system, 'acme', 'doomed')).toEqual(atDeletion);
    expect((await acme.call('DELETE', '/after')).status).toBe(204);
  });
});

/** Far enough ahead that the workers' own schedulers, on the real clock, have nothing to do. */
const START = '2090-03-01T00:00:30.000Z';

describe('a schedule by a held clock', () => {
  let system: RunningSystem;
  let client: BullpenClient;
  let acme: ReturnType<typeof schedulesOf>;
  const clock = heldClock(START);

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    client = await system.organization('acme');
    acme = schedulesOf(system, 'acme');
    await deploy(client, 'echo', 'async (input) => input');
    await deploy(client, 'sleeper', SLEEPER, { timeoutMs: 600_000 });
  });
  afterAll(async () => { await system.stop(); });
  beforeEach(() => { clock.set(START); });

  /** Every minute from 00:01 on. */
  async function everyMinute(name: string, settings: Partial<Parameters<typeof acme.create>[0]> = {}): Promise<Schedule> {
    await acme.create({ name, cron: '* * * * *', run: { agent: 'echo' }, overlap: 'allow', ...settings });
    await acme.moveNext(name, '2090-03-01T00:01:00.000Z');
    return acme.get(name);
  }
  const minutesOf = async (name: string) => (await timesOf(system, 'acme', name)).map((time) => (Date.parse(time) - Date.parse('2090-03-01')) / MINUTE_MS);
  const endOf = async (name: string, index: number) => {
    const runId = (await runsOf(system, 'acme', name))[index]?.id ?? '';
    await client.runs.cancel(runId);
    await client.runs.wait(runId);
  };

  it('fires once when eight schedulers look at once', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `crowd-${i}`);
    await Promise.all(names.map((name) => everyMinute(name)));
    for (let minute = 0; minute < 3; minute += 1) {
      clock.forward(MINUTE_MS);
      await Promise.all(Array.from({ length: 8 }, () => schedulerOn(system, clock).turn()));
      await schedulerOn(system, clock).turn();
    }
    for (const name of names) {
      expect(await minutesOf(name)).toEqual([1, 2, 3]);
      expect(await acme.get(name)).toMatchObject({ nextAt: '2090-03-01T00:04:00.000Z', lastAt: '2090-03-01T00:03:00.000Z' });
      await acme.call('DELETE', `/${name}`);
    }
  });

  it('fires once when the scheduler dies between the run and the row', async () => {
    await everyMinute('dying');
    clock.forward(MINUTE_MS);
    const dying = schedulerOn(system, clock, { faults: { hit: () => { throw new Error('died'); } } });
    await expect(dying.turn()).rejects.toThrow('died');
    expect(await minutesOf('dying')).toEqual([1]);
    expect((await acme.get('dying')).nextAt).toBe('2090-03-01T00:01:00.000Z');
    await schedulerOn(system, clock).turn();
    expect((await acme.get('dying')).nextAt).toBe('2090-03-01T00:01:00.000Z');
    await forgetClaims(system);
    await acme.change('dying', { run: { agent: 'echo', input: 'changed in between' } });
    await schedulerOn(system, clock).turn();
    expect(await minutesOf('dying')).toEqual([1]);
    expect(await acme.get('dying')).toMatchObject({ nextAt: '2090-03-01T00:02:00.000Z', lastError: null, lastRunId: (await runsOf(system, 'acme', 'dying'))[0]?.id });
    await acme.call('DELETE', '/dying');
  });

  it('fires once when two schedulers fire it at the same time, the first having been slow beyond its claim', async () => {
    await everyMinute('slow');
    clock.forward(MINUTE_MS);
    const second = schedulerOn(system, clock);
    const whileTheFirstIsAtIt = async () => {
      await forgetClaims(system);
      await second.turn();
      clock.forward(MINUTE_MS);
      await second.turn();
    };
    await schedulerOn(system, clock, { faults: { hit: whileTheFirstIsAtIt } }).turn();
    expect(await minutesOf('slow')).toEqual([1, 2]);
    expect(await acme.get('slow')).toMatchObject({ nextAt: '2090-03-01T00:03:00.000Z', lastAt: '2090-03-01T00:02:00.000Z' });
    await acme.call('DELETE', '/slow');
  });

  it('keeps a change that was made while it fired', async () => {
    await everyMinute('changed');
    clock.forward(MINUTE_MS);
    const change = async () => { await acme.change('changed', { paused: true }); };
    await schedulerOn(system, clock, { faults: { hit: change } }).turn();
    expect(await acme.get('changed')).toMatchObject({ paused: true, nextAt: null });
    expect(await minutesOf('changed')).toEqual([1]);
    await acme.call('DELETE', '/changed');
  });

  it('fires when the backends of its connections are terminated all the while', async () => {
    await everyMinute('cut');
    const cut = async () => {
      await apiOf(system).db.sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`.catch(() => undefined);
    };
    for (let minute = 0; minute < 3; minute += 1) {
      clock.forward(MINUTE_MS);
      await schedulerOn(system, clock, { faults: { hit: cut } }).turn().catch(() => undefined);
      await eventually('the schedule has moved on', async () => {
        await forgetClaims(system).then(() => schedulerOn(system, clock).turn()).catch(() => undefined);
        return (await minutesOf('cut').catch(() => [])).length === minute + 1 ? true : undefined;
      });
    }
    expect(await minutesOf('cut')).toEqual([1, 2, 3]);
    // Each connection of the pool fails once more before it is opened anew.
    await eventually('it is deleted', async () => ((await acme.call('DELETE', '/cut')).status === 503 ? undefined : true));
  });

  it('is fired by the scheduler\'s own timer, which stops at once, and twice, and without having been started', async () => {
    const scheduler = schedulerOn(system, clock);
    await scheduler.stop(Deadline.in(1000));
    await everyMinute('timed');
    clock.forward(MINUTE_MS);
    for (let round = 0; round < 20; round += 1) {
      await scheduler.start();
      await scheduler.start();
      await scheduler.quiesce();
      await scheduler.stop(Deadline.in(1000));
      await scheduler.stop(Deadline.in(1000));
    }
    await scheduler.start();
    await eventually('the schedule has fired', async () => ((await minutesOf('timed')).length > 0 ? true : undefined));
    await scheduler.stop(Deadline.in(1000));
    expect(await minutesOf('timed')).toEqual([1]);
    await acme.call('DELETE', '/timed');
  });

  it('leaves the job to the reconciler when the queue is away', async () => {
    await everyMinute('jobless');
    clock.forward(MINUTE_MS);
    const queue = { ...apiOf(system).queue, enqueue: () => Promise.reject(new Error('the queue is away')) };
    await schedulerOn(system, clock, { queue }).turn();
    const [run] = await runsOf(system, 'acme', 'jobless');
    expect(await client.runs.wait(run?.id ?? '')).toMatchObject({ state: 'succeeded' });
    await acme.call('DELETE', '/jobless');
  });

  it('hands priority and fairness key on to the queue', async () => {
    await everyMinute('urgent', { run: { agent: 'echo', priority: 1, fairnessKey: 'user-7' } });
    clock.forward(MINUTE_MS);
    const added: object[] = [];
    const queue = { ...apiOf(system).queue, enqueue: async (runs: readonly object[]) => { added.push(...runs); } };
    await schedulerOn(system, clock, { queue }).turn();
    const [run] = await runsOf(system, 'acme', 'urgent');
    expect(added).toEqual([{ orgId: 'acme', runId: run?.id, agent: 'echo', version: 1, memoryMb: 64, priority: 1, fairnessKey: 'user-7', delayMs: 0 }]);
    await acme.call('DELETE', '/urgent');
  });

  it('skips times while its run is open, with `skip`', async () => {
    await everyMinute('skipping', { overlap: 'skip', run: { agent: 'sleeper' } });
    const scheduler = schedulerOn(system, clock);
    for (let minute = 0; minute < 3; minute += 1) {
      clock.forward(MINUTE_MS);
      await scheduler.turn();
    }
    expect(await minutesOf('skipping')).toEqual([1]);
    await endOf('skipping', 0);
    clock.forward(MINUTE_MS);
    await scheduler.turn();
    expect(await minutesOf('skipping')).toEqual([1, 4]);
    await endOf('skipping', 1);
    await acme.call('DELETE', '/skipping');
  });

  it('keeps one run waiting and starts it when the last one has ended, with `queue_one`', async () => {
    await everyMinute('queueing', { overlap: 'queue_one', run: { agent: 'sleeper' } });
    const scheduler = schedulerOn(system, clock);
    for (let minute = 0; minute < 4; minute += 1) {
      clock.forward(MINUTE_MS);
      await scheduler.turn();
    }
    expect(await minutesOf('queueing')).toEqual([1]);
    expect(await acme.get('queueing')).toMatchObject({ pendingAt: '2090-03-01T00:02:00.000Z', nextAt: '2090-03-01T00:05:00.000Z' });
    await endOf('queueing', 0);
    // Whoever looks first starts it: this scheduler, or the one of the worker.
    await Promise.all([scheduler.turn(), schedulerOn(system, clock).turn()]);
    await eventually('the waiting run is made', async () => ((await minutesOf('queueing')).length === 2 ? true : undefined));
    expect(await minutesOf('queueing')).toEqual([1, 2]);
    expect(await acme.get('queueing')).toMatchObject({ pendingAt: null, nextAt: '2090-03-01T00:05:00.000Z' });
    await endOf('queueing', 1);
    await acme.call('DELETE', '/queueing');
  });

  it.each([['none', []], ['last', [179]], ['all', [175, 176, 177, 178, 179]]] as const)('after a downtime of hours makes up for %s', async (catchUp, made) => {
    const name = `down-${catchUp}`;
    await acme.create({ name, cron: '59 * * * *', run: { agent: 'echo' }, overlap: 'allow', catchUp, maxCatchUp: 5 });
    if (catchUp === 'all') await acme.change(name, { cron: '* * * * *' });
    await acme.moveNext(name, '2090-03-01T00:01:00.000Z');
    // The last minute before three o'clock, some time after its full minute.
    clock.set(catchUp === 'all' ? '2090-03-01T03:00:59.999Z' : '2090-03-01T03:30:00.000Z');
    await schedulerOn(system, clock).turn();
    const onTime = catchUp === 'all' ? [180] : [];
    expect(await minutesOf(name)).toEqual([...made, ...onTime]);
    await acme.call('DELETE', `/${name}`);
  });

  it('fires nothing while it is paused, and goes on from now when it is resumed', async () => {
    await everyMinute('pausing');
    const scheduler = schedulerOn(system, clock);
    clock.forward(MINUTE_MS);
    await scheduler.turn();
    expect((await acme.change('pausing', { paused: true })).body).toMatchObject({ paused: true, nextAt: null });
    clock.forward(60 * MINUTE_MS);
    await scheduler.turn();
    expect(await minutesOf('pausing')).toEqual([1]);
    expect((await acme.change('pausing', { paused: false })).body).toMatchObject({ paused: false, nextAt: expect.any(String) });
    await acme.moveNext('pausing', '2090-03-01T01:02:00.000Z');
    clock.forward(MINUTE_MS);
    await scheduler.turn();
    expect(await minutesOf('pausing')).toEqual([1, 62]);
    await acme.call('DELETE', '/pausing');
  });

  it('says why it could make no run, and goes on with its next time', async () => {
    await everyMinute('broken', { run: { agent: 'echo', memoryMb: 512 } });
    const { db } = apiOf(system);
    await db.sql`UPDATE organizations SET max_memory_mb = 100 WHERE id = 'acme'`;
    const scheduler = schedulerOn(system, clock);
    clock.forward(MINUTE_MS);
    await scheduler.turn();
    expect(await acme.get('broken')).toMatchObject({ nextAt: '2090-03-01T00:02:00.000Z', lastRunId: null, lastError: { code: 'LIMIT_EXCEEDED', at: new Date(clock.nowMs()).toISOString() } });
    await db.sql`UPDATE organizations SET max_memory_mb = 1024 WHERE id = 'acme'`;
    clock.forward(MINUTE_MS);
    await scheduler.turn();
    expect(await acme.get('broken')).toMatchObject({ nextAt: '2090-03-01T00:03:00.000Z', lastError: null });
    expect(await minutesOf('broken')).toEqual([2]);
    await acme.call('DELETE', '/broken');
  });

  it('stays due while Postgres takes no runs', async () => {
    await everyMinute('waiting');
    clock.forward(MINUTE_MS);
    const store = { ...apiOf(system).store, insert: () => Promise.reject(new BullpenError('SERVICE_UNAVAILABLE', 'away')) };
    await expect(schedulerOn(system, clock, { store }).turn()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(await acme.get('waiting')).toMatchObject({ nextAt: '2090-03-01T00:01:00.000Z', lastError: null });
    await schedulerOn(system, clock).turn();
    expect(await minutesOf('waiting')).toEqual([1]);
    await acme.call('DELETE', '/waiting');
  });

  it('is kept apart from another organization\'s of the same name', async () => {
    const globex = await system.organization('globex');
    await deploy(globex, 'echo', 'async () => "globex"');
    await everyMinute('shared', { run: { agent: 'echo', input: 'acme' } });
    const other = schedulesOf(system, 'globex');
    await other.create({ name: 'shared', cron: '* * * * *', run: { agent: 'echo' } });
    await other.moveNext('shared', '2090-03-01T00:01:00.000Z');
    await other.create({ name: 'theirs', cron: '@daily', run: { agent: 'echo' } });
    clock.forward(MINUTE_MS);
    await schedulerOn(system, clock).turn();
    expect(await runsOf(system, 'acme', 'shared')).toHaveLength(1);
    expect(await runsOf(system, 'globex', 'shared')).toHaveLength(1);
    expect((await acme.call('GET', '/theirs')).status).toBe(404);
    expect((await acme.call('DELETE', '/theirs')).status).toBe(404);
    expect((await acme.change('theirs', { paused: true })).status).toBe(404);
    expect((await acme.call<SchedulePage>('GET', '')).body.items.map((one) => one.name)).toEqual(['shared']);
    expect((await acme.call('DELETE', '/shared')).status).toBe(204);
    expect((await other.get('shared')).orgId).toBe('globex');
  });
});

describe('/v1/schedules', () => {
  let system: RunningSystem;
  let acme: ReturnType<typeof schedulesOf>;
  const run = { agent: 'echo' };

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    await deploy(await system.organization('acme'), 'echo', 'async (input) => input');
    acme = schedulesOf(system, 'acme');
  });
  afterAll(async () => { await system.stop(); });

  it('keeps what it was given and fills in the rest', async () => {
    const created = await acme.call<Schedule>('POST', '', { name: 'nightly', cron: '30 2 * * *', timeZone: 'Europe/Berlin', run: { agent: 'echo', input: [1], timeoutMs: 500 } });
    expect(created.status).toBe(201);
    expect(created.body).toMatchObject({
      orgId: 'acme', cron: '30 2 * * *', timeZone: 'Europe/Berlin', intervalMs: null, overlap: 'skip', catchUp: 'last', maxCatchUp: 10, paused: false,
      run: { agent: 'echo', input: [1], timeoutMs: 500, metadata: {} }, lastAt: null, lastRunId: null,
    });
    expect(await acme.get('nightly')).toEqual(created.body);
    expect((await acme.call<SchedulePage>('GET', '?limit=1')).body.items[0]).not.toHaveProperty('run.input');
  });

  it.each<[string, string, object]>([
    ['SCHEDULE_INVALID', 'a cron expression that cannot be read', { cron: '61 * * * *', run }],
    ['SCHEDULE_INVALID', 'a zone that is not there', { cron: '@daily', timeZone: 'Mars/Base', run }],
    ['SCHEDULE_INVALID', 'no timing', { run }],
    ['SCHEDULE_INVALID', 'two timings', { cron: '@daily', intervalMs: 1000, run }],
    ['SCHEDULE_NEVER_FIRES', 'a day that no year has', { cron: '0 0 30 2 *', run }],
    ['SCHEDULE_NEVER_FIRES', 'an end that has passed', { cron: '@daily', endAt: '2020-01-01T00:00:00Z', run }],
    ['AGENT_NOT_FOUND', 'an agent that is not there', { cron: '@daily', run: { agent: 'nobody' } }],
    ['LIMIT_EXCEEDED', 'more memory than the organization may have', { cron: '@daily', run: { agent: 'echo', memoryMb: 4096 } }],
    ['INVALID_REQUEST', 'an interval below a second', { intervalMs: 10, run }],
    ['INVALID_REQUEST', 'a delay', { cron: '@daily', run: { agent: 'echo', delayMs: 10 } }],
  ])('answers %s to %s', async (code, _what, body) => {
    expect((await acme.call<Problem>('POST', '', { name: 'refused', ...body })).body.code).toBe(code);
    expect((await acme.call('GET', '/refused')).status).toBe(404);
  });

  it('has one schedule of a name', async () => {
    await acme.create({ name: 'once', cron: '@daily', run });
    expect((await acme.call<Problem>('POST', '', { name: 'once', cron: '@daily', run })).body.code).toBe('ALREADY_EXISTS');
  });

  it('are no more than the cap of an organization', async () => {
    await deploy(await system.organization('full'), 'echo', 'async (input) => input');
    const full = schedulesOf(system, 'full');
    const { id } = await full.create({ name: 'first', cron: '@yearly', run });
    await apiOf(system).db.sql`
      INSERT INTO schedules SELECT (jsonb_populate_record(s, jsonb_build_object('id', s.id || i, 'name', 's-' || i))).*
      FROM schedules s, generate_series(2, ${MAX_SCHEDULES_PER_ORGANIZATION}) AS i WHERE s.id = ${id}`;
    expect((await full.call<Problem>('POST', '', { name: 'last', cron: '@yearly', run })).body.code).toBe('LIMIT_EXCEEDED');
    const first = (await full.call<SchedulePage>('GET', '?limit=200')).body;
    const second = (await full.call<SchedulePage>('GET', `?limit=200&cursor=${first.nextCursor}`)).body;
    expect(new Set([...first.items, ...second.items].map((one) => one.name)).size).toBe(400);
  });

  it('changes what is named and leaves the rest, the next time included', async () => {
    const before = await acme.create({ name: 'changing', intervalMs: 60_000, run });
    const renamed = (await acme.change('changing', { run: { agent: 'echo', input: 2 }, overlap: 'queue_one' })).body;
    expect(renamed).toEqual({ ...before, run: { ...before.run, input: 2 }, overlap: 'queue_one' });
    const retimed = (await acme.change('changing', { cron: '0 9 * * 1', timeZone: 'America/New_York', endAt: '2090-01-01T00:00:00Z' })).body;
    expect(retimed).toMatchObject({ cron: '0 9 * * 1', timeZone: 'America/New_York', intervalMs: null, endAt: '2090-01-01T00:00:00.000Z' });
    expect((await acme.change('changing', { cron: '@hourly' })).body).toMatchObject({ timeZone: 'America/New_York' });
    expect((await acme.change('changing', { intervalMs: 5000, endAt: null })).body).toMatchObject({ cron: null, timeZone: null, intervalMs: 5000, endAt: null });
    expect((await acme.change('changing', { endAt: '2020-01-01T00:00:00Z' })).body).toMatchObject({ code: 'SCHEDULE_NEVER_FIRES' });
    expect((await acme.get('changing')).endAt).toBeNull();
  });

  it('tells the next times of a schedule, paused or not, and of one that is not saved', async () => {
    const timing = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', startAt: '2089-03-26T00:00:00Z' };
    // On 27 March 2089 the clock is set forward from two to three.
    const times = ['2089-03-26T01:30:00.000Z', '2089-03-27T01:30:00.000Z', '2089-03-28T00:30:00.000Z'];
    const unsaved = await acme.call<SchedulePreview>('POST', '/preview', { ...timing, count: 3 });
    expect(unsaved).toEqual({ status: 200, body: { times } });
    await acme.create({ name: 'previewed', ...timing, paused: true, run });
    expect((await acme.call<SchedulePreview>('GET', '/previewed/preview?count=3')).body).toEqual({ times });
    expect((await acme.call<SchedulePreview>('POST', '/preview', { intervalMs: 1000, startAt: '2090-01-01T00:00:00Z', endAt: '2090-01-01T00:00:02Z' })).body)
      .toEqual({ times: ['2090-01-01T00:00:00.000Z', '2090-01-01T00:00:01.000Z'] });
    expect((await acme.call<Problem>('POST', '/preview', { cron: 'x' })).body.code).toBe('SCHEDULE_INVALID');
    expect((await acme.call('GET', '/previewed/preview?count=101')).status).toBe(400);
  });
});
