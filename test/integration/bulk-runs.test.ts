import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bulkResultSchema, runSchema, type BulkResult, type RunFilter } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('many runs at once', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let globex: BullpenClient;
  const post = (path: string, body: unknown, org = 'acme') => fetch(`${system.apis[0]?.url()}/v1/runs${path}`, {
    method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': org, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const bulk = async (action: 'cancel' | 'replay', filter: RunFilter, dryRun = false, more: object = {}): Promise<BulkResult> =>
    bulkResultSchema.parse(await (await post(`/${action}`, { filter, dryRun, ...more })).json());

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis' });
    acme = await system.organization('acme');
    globex = await system.organization('globex');
    for (const client of [acme, globex]) {
      await deploy(client, 'echo', 'async (input) => input');
      await deploy(client, 'thrower', 'async () => { throw new Error("no"); }');
    }
  });
  afterAll(async () => { await system.stop(); });

  it('are cancelled by filter, after a dry run that touches none, and in one organization only', async () => {
    const ours = await Promise.all(Array.from({ length: 450 }, (_, i) => acme.runs.create({ agent: 'echo', delayMs: 3_600_000, metadata: { batch: i < 430 ? 'a' : 'b' } })));
    const theirs = await globex.runs.create({ agent: 'echo', delayMs: 3_600_000, metadata: { batch: 'a' } });
    expect(await bulk('cancel', { metadata: { batch: 'a' } }, true)).toMatchObject({ matched: 430, done: 0, truncated: false });
    expect(await bulk('cancel', { metadata: { batch: 'a' } })).toMatchObject({ matched: 430, done: 430, skipped: 0 });
    expect((await acme.runs.get(ours[0]?.id ?? '')).state).toBe('cancelled');
    expect((await acme.runs.get(ours[449]?.id ?? '')).state).toBe('scheduled');
    expect((await globex.runs.get(theirs.id)).state).toBe('scheduled');
  });

  it('are replayed by error code with their inputs, once each', async () => {
    const failed = await Promise.all([1, 2, 3].map((input) => acme.runs.create({ agent: 'thrower', input, priority: 2 }, { wait: '30s' })));
    const result = await bulk('replay', { errorCode: 'AGENT_THREW', agent: 'thrower' });
    expect(result).toMatchObject({ matched: 3, done: 3 });
    const again = await Promise.all(result.runIds.map((id) => acme.runs.wait(id)));
    expect(again.map((run) => run.metadata.replayOf).sort()).toEqual(failed.map((run) => run.id).sort());
    expect(again.map((run) => run.input).sort()).toEqual([1, 2, 3]);
    expect(again.every((run) => run.priority === 2)).toBe(true);
  });

  it('are replayed once each, however often and by how many the same wide filter is sent', async () => {
    await deploy(acme, 'stubborn', 'async () => { throw new Error("still no"); }');
    const originals = await Promise.all([1, 2, 3, 4].map((input) => acme.runs.create({ agent: 'stubborn', input }, { wait: '30s' })));
    const before = { agent: 'stubborn', queuedBefore: new Date(Date.parse(originals.map(({ queuedAt }) => queuedAt).sort().at(-1)!) + 1).toISOString() };
    await acme.runs.replay(originals[0]!.id);
    expect(await bulk('replay', before, true)).toMatchObject({ matched: 3, done: 0, truncated: false });
    expect(await bulk('replay', before, true, { again: true })).toMatchObject({ matched: 4 });
    expect(await bulk('replay', before, true, { limit: 2 })).toMatchObject({ matched: 2, truncated: true });
    const calls = await Promise.all([1, 2, 3].map(() => bulk('replay', before)));
    expect(calls.reduce((sum, { done }) => sum + done, 0)).toBe(3);
    expect(await bulk('replay', before)).toMatchObject({ matched: 0, done: 0 });
    const replays = (await acme.runs.list({ agent: 'stubborn', limit: 100 })).items.filter(({ metadata }) => metadata.replayOf !== undefined);
    expect(replays.map(({ metadata }) => metadata.replayOf).sort()).toEqual(originals.map(({ id }) => id).sort());

    // A replay that failed is a run that failed: it is what the same filter means next, not the original once more.
    await Promise.all(replays.map(({ id }) => acme.runs.wait(id)));
    const next = await bulk('replay', { agent: 'stubborn', states: ['failed'] });
    expect(next).toMatchObject({ matched: 4, done: 4, skipped: 0 });
    const ofReplays = await Promise.all(next.runIds.map((id) => acme.runs.get(id)));
    expect(ofReplays.map(({ metadata }) => metadata.replayOf).sort()).toEqual(replays.map(({ id }) => id).sort());
    expect(await bulk('replay', before, false, { again: true })).toMatchObject({ matched: 4, done: 4 });
  });

  it('go no further than a limit, and the same call goes on', async () => {
    await Promise.all(Array.from({ length: 5 }, () => acme.runs.create({ agent: 'echo', delayMs: 3_600_000, tags: ['few'] })));
    expect(await bulk('cancel', { tags: ['few'] }, false, { limit: 3 })).toMatchObject({ matched: 3, done: 3, truncated: true });
    expect(await bulk('cancel', { tags: ['few'] }, false, { limit: 3 })).toMatchObject({ matched: 2, done: 2, truncated: false });
  });

  it('one run is replayed when it has ended, not before', async () => {
    const done = await acme.runs.create({ agent: 'echo', input: { n: 1 } }, { wait: '30s' });
    const replayed = runSchema.parse(await (await post(`/${done.id}/replay`, {})).json());
    expect(await acme.runs.wait(replayed.id)).toMatchObject({ state: 'succeeded', result: { n: 1 }, metadata: { replayOf: done.id } });
    const waiting = await acme.runs.create({ agent: 'echo', delayMs: 3_600_000 });
    expect((await post(`/${waiting.id}/replay`, {})).status).toBe(400);
    expect((await post(`/${done.id}/replay`, {}, 'globex')).status).toBe(404);
  });

  it('need a condition: nobody cancels everything by an empty filter', async () => {
    expect((await post('/cancel', { filter: {} })).status).toBe(400);
  });
});
