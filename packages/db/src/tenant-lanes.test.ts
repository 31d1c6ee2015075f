import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { describe, expect, it } from '@jest/globals';

import { TenantLanes, type Statements } from './tenant-lanes.ts';

/** Connections that answer, until their server is gone: then each of them fails by itself, when it is asked. */
function openServer() {
  const server = { opened: 0, restart: () => { generation += 1; } };
  let generation = 0;
  const open = (): Statements => {
    const mine = generation;
    server.opened += 1;
    const answer = () => (mine === generation ? Promise.resolve([]) : Promise.reject(Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' })));
    const sql = Object.assign(() => ({ execute: answer }), { end: () => Promise.resolve() });
    return { sql, orm: {} } as unknown as Statements;
  };
  return { server, open };
}

describe('lanes of tenants', () => {
  const ask = (lanes: TenantLanes) => lanes.use('acme', ({ sql }) => sql`SELECT 1`.execute()).then(() => 'answered', () => 'failed');

  it('fail once for a server that is gone, however many of them were free', async () => {
    const { server, open } = openServer();
    const lanes = new TenantLanes(5, open);
    expect(await Promise.all(Array.from({ length: 8 }, () => ask(lanes)))).toEqual(Array(8).fill('answered'));
    expect(server.opened).toBe(5);
    server.restart();
    const said: string[] = [];
    for (let n = 0; n < 8; n += 1) said.push(await ask(lanes));
    expect(said).toEqual(['failed', ...Array(7).fill('answered')]);
  });

  it('stay as they are after a failure that is not the connection\'s', async () => {
    const { server, open } = openServer();
    const lanes = new TenantLanes(5, open);
    await Promise.all(Array.from({ length: 5 }, () => ask(lanes)));
    await expect(lanes.use('acme', () => Promise.reject(Object.assign(new Error('deadlock'), { code: '40P01' })))).rejects.toThrow('deadlock');
    for (let n = 0; n < 5; n += 1) await ask(lanes);
    expect(server.opened).toBe(6);
  });

  it('keep nothing of what they answered', async () => {
    const lanes = new TenantLanes(1, openServer().open);
    const kept = await Promise.all(Array.from({ length: 20 }, async () => new WeakRef(await lanes.use('acme', () => Promise.resolve({ rows: [] })))));
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await new Promise((resolve) => { setImmediate(resolve); });
    collect();
    expect(kept.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  });
});
