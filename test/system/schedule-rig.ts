import type { BullpenApi } from '@bullpen/api';
import { noFaults, silentLogger, systemClock, type Clock, type CreateScheduleRequest, type Run, type Schedule } from '@bullpen/core';
import { listRuns } from '@bullpen/db';
import { Scheduler, type SchedulerDeps } from '@bullpen/worker';

import { ADMIN_KEY, type RunningSystem } from './running-system.ts';

/** A clock that stands still until a test moves it. */
export interface HeldClock extends Clock {
  set(iso: string): void;
  forward(ms: number): void;
}

export function heldClock(iso: string): HeldClock {
  let nowMs = Date.parse(iso);
  return {
    nowMs: () => nowMs,
    monotonicMs: () => systemClock.monotonicMs(),
    set: (time) => { nowMs = Date.parse(time); },
    forward: (ms) => { nowMs += ms; },
  };
}

/** A scheduler beside the system's workers, whose turns a test calls. */
export function schedulerOn(system: RunningSystem, clock: Clock, changes: Partial<SchedulerDeps> = {}): Scheduler {
  const { db, store, queue } = apiOf(system);
  return new Scheduler({ db, store, queue, clock, faults: noFaults, log: silentLogger, ...changes });
}

export function apiOf(system: RunningSystem): BullpenApi {
  const [api] = system.apis;
  if (api === undefined) throw new Error('the system has no API');
  return api;
}

/** As if so much time had passed that no claim counts any more. */
export async function forgetClaims(system: RunningSystem): Promise<void> {
  await apiOf(system).db.sql`UPDATE schedules SET claimed_until = NULL`;
}

export interface Answer<T> {
  status: number;
  body: T;
}

/** `/v1/schedules` as one organization. */
export function schedulesOf(system: RunningSystem, orgId: string) {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const response = await fetch(`${apiOf(system).url()}/v1/schedules${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': orgId, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
  };
  return {
    call,
    create: async (schedule: CreateScheduleRequest) => (await call<Schedule>('POST', '', schedule)).body,
    get: async (name: string) => (await call<Schedule>('GET', `/${name}`)).body,
    change: (name: string, change: unknown) => call<Schedule>('PATCH', `/${name}`, change),
    /** The row as a test needs it: its next time moved to where the held clock will be. */
    async moveNext(name: string, nextAt: string): Promise<void> {
      await apiOf(system).db.sql`UPDATE schedules SET next_at = ${nextAt} WHERE org_id = ${orgId} AND name = ${name}`;
    },
  };
}

export type MadeRun = Pick<Run, 'id' | 'state' | 'agent' | 'version' | 'metadata'>;

/** The runs that a schedule made, by the time they are for. */
export async function runsOf(system: RunningSystem, orgId: string, schedule: string): Promise<MadeRun[]> {
  const { items } = await listRuns(apiOf(system).db, orgId, { limit: 200 });
  return items.filter((run) => run.metadata['schedule'] === schedule)
    .sort((a, b) => ((a.metadata['scheduledFor'] ?? '') < (b.metadata['scheduledFor'] ?? '') ? -1 : 1));
}

/** The times its runs are for. */
export async function timesOf(system: RunningSystem, orgId: string, schedule: string): Promise<string[]> {
  return (await runsOf(system, orgId, schedule)).map((run) => run.metadata['scheduledFor'] ?? '');
}
