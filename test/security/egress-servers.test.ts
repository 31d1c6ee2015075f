import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { egressManifestSchema } from '@bullpen/core';
import { createGuardedPost } from '@bullpen/runtime';

import { agent, startRig, valueOf, type Rig } from '../integration/runtime-rig.ts';

/** What a hostile server says, by the path that it is asked for. */
const ANSWERS: Record<string, string> = {
  '/switches': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello',
  '/announces': `${'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
  '/hints': `${'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(3)}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`,
  '/names': 'HTTP/1.1 200 OK\r\nconstructor: a\r\n__proto__: b\r\ncontent-length: 2\r\n\r\nok',
  '/odd': 'HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok',
};

describe('a hostile server that a version may reach', () => {
  let server: Server;
  let rig: Rig;
  const sockets = new Set<Socket>();
  const urlOf = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', (head: Buffer) => socket.write(ANSWERS[head.toString().split(' ')[1] ?? ''] ?? ''));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    rig = await startRig({ egress: { privateRanges: ['127.0.0.1/32'], silenceMs: 2000 } });
  });
  afterAll(async () => {
    await rig.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const egress = () => egressManifestSchema.parse({ allow: [{ host: '127.0.0.1', ports: [(server.address() as AddressInfo).port] }] });
  const run = (body: string) => rig.run(agent(body), { egress: egress() });
  const fetched = (path: string) => run(`try { const r = await ctx.fetch(${JSON.stringify(urlOf(path))}); return [r.status, await r.text()] } catch (error) { return error.code ?? error.name }`);
  const proxied = (path: string) => run(`const { request } = await import("node:http"); const { promise, resolve, reject } = Promise.withResolvers();
    request({ socketPath: ctx.egress.socketPath, path: ${JSON.stringify(urlOf(path))}, headers: { "proxy-authorization": "Bearer " + ctx.egress.token } }, (r) => { r.resume(); resolve([r.statusCode, Object.keys(r.headers).length]); }).on("error", reject).end();
    return await promise`);

  it('that switches protocols has not answered, be it to an agent, its own client or a delivery', async () => {
    expect(valueOf(await fetched('/switches'))).toBe('EGRESS_FAILED');
    expect((valueOf(await proxied('/switches')) as number[])[0]).toBe(502);
    const post = createGuardedPost({ timeoutMs: 5000, excerptBytes: 100, privateRanges: ['127.0.0.1/32'] });
    await expect(post({ url: new URL(urlOf('/switches')), headers: {}, body: 'x' })).rejects.toMatchObject({ code: 'EGRESS_FAILED' });
  });

  it('that announces its answer again and again is given up, and what it says is counted', async () => {
    expect(valueOf(await fetched('/announces'))).toBe('EGRESS_FAILED');
    const hinted = await fetched('/hints');
    expect(valueOf(hinted)).toEqual([200, 'ok']);
    expect(hinted.outcome.usage.egressBytesIn).toBeGreaterThan(3 * 'link: </x>'.length + 32);
  });

  it('that names a header like a property of every object is passed on', async () => {
    expect(valueOf(await fetched('/names'))).toEqual([200, 'ok']);
    expect((valueOf(await proxied('/names')) as number[])[0]).toBe(200);
    expect(valueOf(await run(`const r = await ctx.fetch(${JSON.stringify(urlOf('/names'))}, { headers: { constructor: "mine" } }); return r.status`))).toBe(200);
  });

  it('that answers with a status of its own making fails in words of ours', async () => {
    expect(valueOf(await fetched('/odd'))).toBe('EGRESS_FAILED');
  });
});
