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
  const bulk = async (action: 'cancel' | 'replay', filter: RunFilter, dryRun = false): Promise<BulkResult> =>
    bulkResultSchema.parse(await (await post(`/${action}`, { filter, dryRun })).json());

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
