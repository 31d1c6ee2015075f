import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createClient, type RunStreamItem } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

// Ample for a slow machine: a test here starts processes, bundles and whole systems.
jest.setTimeout(120_000);

/** Stands between client and API and cuts every event stream after so many bytes, in the middle of whatever they are. */
async function startCuttingProxy(target: string, cutAfterBytes: number): Promise<{ url: string; cutCount(): number; close(): void }> {
  let cuts = 0;
  const server: Server = createServer((asked, answer) => {
    const passed = request(`${target}${asked.url}`, { method: asked.method, headers: asked.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      let left = asked.url?.includes('/events') === true ? cutAfterBytes : Number.POSITIVE_INFINITY;
      response.on('data', (chunk: Buffer) => {
        answer.write(chunk.subarray(0, Math.max(0, left)));
        left -= chunk.length;
        if (left > 0) return;
        cuts += 1;
        // What was written before has to arrive: only then is it cut in the middle.
        answer.socket?.end();
        response.destroy();
      });
      response.on('end', () => answer.end());
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutCount: () => cuts,
    close() { server.closeAllConnections(); server.close(); },
  };
}

describe('the event stream of the client', () => {
  let system: RunningSystem;
  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    const client = await system.organization('acme');
    await deploy(client, 'counter', 'async (n, ctx) => { for (let i = 0; i < n; i += 1) { ctx.emit("count", i); if (i % 10 === 0) await new Promise((go) => setTimeout(go, 5)); } return n; }');
  });
  afterAll(async () => { await system.stop(); });

  it('gives every event once and in order over a connection that is cut again and again', async () => {
    const proxy = await startCuttingProxy(system.apis[0]!.url(), 3_000);
    const client = createClient({ baseUrl: proxy.url, apiKey: ADMIN_KEY, org: 'acme' });
    const { id } = await client.runs.create({ agent: 'counter', input: 120 });
    const items: RunStreamItem[] = [];
    for await (const item of client.runs.events(id)) items.push(item);
    const counts = items.flatMap((item) => (item.kind === 'event' && item.event.type === 'emit' ? [item.event.data] : []));
    expect(counts).toEqual(Array.from({ length: 120 }, (_, i) => i));
    expect(items.at(-1)).toMatchObject({ kind: 'end', run: { id, state: 'succeeded' } });
    expect(proxy.cutCount()).toBeGreaterThan(2);
    proxy.close();
  });

  it('waits for a run to its end and gives its result', async () => {
    const client = system.clientOf(system.apis[0]!, 'acme');
    const { id } = await client.runs.create({ agent: 'counter', input: 30 });
    expect(await client.runs.wait<number>(id)).toMatchObject({ state: 'succeeded', result: 30 });
  });
});
