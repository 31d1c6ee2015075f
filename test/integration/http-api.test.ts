import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemSchema } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('the HTTP API', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let globex: BullpenClient;
  const call = (path: string, init: RequestInit & { key?: string } = {}) => {
    const { key = ADMIN_KEY, ...rest } = init;
    return fetch(`${system.apis[0]?.url()}${path}`, { redirect: 'manual', ...rest, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...rest.headers } });
  };

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    acme = await system.organization('acme', { maxMemoryMb: 128 });
    globex = await system.organization('globex');
    await deploy(acme, 'echo', 'async (input) => input', { memoryMb: 32, timeoutMs: 1234 });
  });
  afterAll(async () => { await system.stop(); });

  it('answers every error with a problem document and a stable code', async () => {
    const cases: [Response, number, string][] = [
      [await call('/v1/runs', { key: 'bp_wrong' }), 401, 'UNAUTHENTICATED'],
      [await call('/v1/runs', { method: 'POST', body: '{' , headers: { 'x-bullpen-org': 'acme' } }), 400, 'INVALID_JSON'],
      [await call('/v1/runs', { method: 'POST', body: '[]', headers: { 'x-bullpen-org': 'acme' } }), 400, 'INVALID_REQUEST'],
      [await call('/v1/runs', { method: 'POST', body: '{"agent":"echo","unknown":1}', headers: { 'x-bullpen-org': 'acme' } }), 400, 'INVALID_REQUEST'],
      [await call('/v1/runs', { method: 'POST', body: '{"agent":"none"}', headers: { 'x-bullpen-org': 'acme' } }), 404, 'AGENT_NOT_FOUND'],
      [await call('/v1/runs', { method: 'POST', body: '{"agent":"echo"}' }), 400, 'INVALID_REQUEST'],
      [await call('/v1/runs?cursor=nonsense', { headers: { 'x-bullpen-org': 'acme' } }), 400, 'INVALID_REQUEST'],
      [await call('/v1/runs/run_nope', { headers: { 'x-bullpen-org': 'acme' } }), 404, 'NOT_FOUND'],
      [await call('/v1/runs/%00', { headers: { 'x-bullpen-org': 'acme' } }), 404, 'NOT_FOUND'],
      [await call('/v1/organizations', { method: 'POST', body: '{"id":"nul","name":"a\\u0000b"}' }), 400, 'INVALID_REQUEST'],
      [await call('/v1/nothing'), 404, 'NOT_FOUND'],
      [await call('/v1/runs/%E0%A4%A', { headers: { 'x-bullpen-org': 'acme' } }), 400, 'INVALID_REQUEST'],
    ];
    for (const [response, status, code] of cases) {
      expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json; charset=utf-8']);
      const problem = problemSchema.parse(await response.json());
      expect(problem).toMatchObject({ code, status, requestId: response.headers.get('x-request-id') });
    }
  });

  it('answers who waited with the run exactly as its row has it, however it ended', async () => {
    await deploy(acme, 'ends', `async (how, ctx) => {
      if (how.throws !== undefined && ctx.attempt < how.throws) throw new Error('not yet');
      return { b: 'x'.repeat(how.size ?? 1), a: [null, 1.50, { z: 1e3 }] };
    }`);
    const wait = { wait: '30s' } as const;
    const runs = await Promise.all([
      acme.runs.create({ agent: 'ends', input: {}, tags: ['t'], metadata: { m: '1' } }, wait),
      acme.runs.create({ agent: 'ends', input: { size: 50_000 } }, wait),
      acme.runs.create({ agent: 'ends', input: { throws: 9 } }, wait),
      acme.runs.create({ agent: 'ends', input: { throws: 2 }, maxAttempts: 2 }, wait),
      acme.runs.create({ agent: 'ends', input: 'null' }, wait),
    ]);
    expect(runs.map(({ state, attempt }) => [state, attempt])).toEqual([['succeeded', 1], ['succeeded', 1], ['failed', 1], ['succeeded', 2], ['succeeded', 1]]);
    for (const run of runs) expect(run).toEqual(await acme.runs.get(run.id));
  });

  it('reads a body however it is sent: whole, in pieces, compressed, in another encoding, behind a byte order mark', async () => {
    const text = JSON.stringify({ agent: 'echo', input: 'größer 🐎', metadata: { ['x'.repeat(40)]: 'y'.repeat(200) } });
    const bytes = Buffer.from(text);
    const pieces = new ReadableStream({ start: (stream) => { for (const at of [0, 30, 33]) stream.enqueue(bytes.subarray(at, at === 33 ? undefined : at === 0 ? 30 : 33)); stream.close(); } });
    const bodies: [Buffer | ReadableStream, Record<string, string>][] = [
      [bytes, {}],
      [bytes, { 'content-type': 'application/json; charset=UTF-8' }],
      [pieces, {}],
      [gzipSync(bytes), { 'content-encoding': 'gzip' }],
      [Buffer.from(text, 'utf16le'), { 'content-type': 'application/json; charset=utf-16le' }],
      [Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]), {}],
    ];
    for (const [body, headers] of bodies) {
      const answer = await call('/v1/runs', { method: 'POST', body, headers: { 'x-bullpen-org': 'acme', ...headers }, duplex: 'half' } as RequestInit);
      expect([answer.status, ((await answer.json()) as { input: unknown }).input]).toEqual([202, 'größer 🐎']);
    }
    const none = await call('/v1/runs', { method: 'POST', headers: { 'x-bullpen-org': 'acme' } });
    expect([none.status, ((await none.json()) as { code: unknown }).code]).toEqual([400, 'INVALID_REQUEST']);
    const large = await call('/v1/runs', { method: 'POST', body: Buffer.alloc(3 * 1024 * 1024, 0x20), headers: { 'x-bullpen-org': 'acme' } });
    expect([large.status, ((await large.json()) as { code: unknown }).code]).toEqual([413, 'INPUT_TOO_LARGE']);
  });

  it('keeps organizations apart', async () => {
    const run = await acme.runs.create({ agent: 'echo', input: 'mine' }, { wait: '30s' });
    await expect(globex.runs.get(run.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(globex.runs.cancel(run.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(globex.runs.create({ agent: 'echo' })).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    expect((await globex.runs.list()).items).toEqual([]);
    await expect(globex.admin.status()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(globex.organizations.list()).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(globex.keys.create({ orgId: 'acme' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('takes limits from the request, then the manifest, then the defaults, within the organization\'s caps', async () => {
    expect(await acme.runs.create({ agent: 'echo' })).toMatchObject({ memoryMb: 32, timeoutMs: 1234, maxAttempts: 1 });
    expect(await acme.runs.create({ agent: 'echo', memoryMb: 64 })).toMatchObject({ memoryMb: 64 });
    await expect(acme.runs.create({ agent: 'echo', memoryMb: 256 })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    await expect(acme.runs.create({ agent: 'echo', timeoutMs: 1 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('never gives a run a weaker tier than its organization\'s minimum or its version\'s', async () => {
    const walled = await system.organization('walled');
    await deploy(walled, 'plain', 'async () => 1', { tier: 'basic' });
    await deploy(walled, 'guarded', 'async () => 1', { tier: 'strict' });
    expect(await walled.runs.create({ agent: 'plain' })).toMatchObject({ tier: 'basic' });
    await expect(walled.runs.create({ agent: 'guarded', tier: 'enhanced' })).rejects.toMatchObject({ code: 'TIER_BELOW_MINIMUM' });
    expect((await call('/v1/organizations/walled', { method: 'PATCH', body: JSON.stringify({ minimumTier: 'enhanced' }) })).status).toBe(200);
    expect(await walled.runs.create({ agent: 'plain' })).toMatchObject({ tier: 'enhanced' });
    expect(await walled.runs.create({ agent: 'plain', tier: 'strict' })).toMatchObject({ tier: 'strict' });
    await expect(walled.runs.create({ agent: 'plain', tier: 'basic' })).rejects.toMatchObject({ code: 'TIER_BELOW_MINIMUM' });
    await expect(deploy(walled, 'late', 'async () => 1', { tier: 'basic' })).rejects.toMatchObject({ code: 'TIER_BELOW_MINIMUM' });
  });

  it('versions a bundle once and checks its hash', async () => {
    const bundle = 'export default async () => 1;\n';
    expect(await acme.agents.deploy('versioned', { bundle })).toMatchObject({ created: true, version: { version: 1 } });
    expect(await acme.agents.deploy('versioned', { bundle })).toMatchObject({ created: false, version: { version: 1 } });
    expect(await acme.agents.deploy('versioned', { bundle: `${bundle}// 2\n` })).toMatchObject({ created: true, version: { version: 2 } });
    await expect(acme.agents.deploy('versioned', { bundle, sha256: '0'.repeat(64) })).rejects.toMatchObject({ code: 'BUNDLE_HASH_MISMATCH' });
    expect((await acme.agents.versions('versioned')).items.map((one) => one.version)).toEqual([2, 1]);
    expect(await acme.runs.create({ agent: 'versioned', version: 1 }, { wait: '30s' })).toMatchObject({ version: 1, result: 1 });
  });

  it('pages through runs, newest first, without doubles or gaps', async () => {
    await deploy(globex, 'echo', 'async (input) => input');
    const created = await Promise.all(Array.from({ length: 25 }, (_, input) => globex.runs.create({ agent: 'echo', input })));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await globex.runs.list({ limit: 10, cursor });
      seen.push(...page.items.map((run) => run.id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(created.map((run) => run.id).sort().reverse());
  });

  it('lets an operator\'s browser in by cookie, and nobody else', async () => {
    expect((await call('/admin/queues', { key: 'bp_wrong' })).status).toBe(401);
    expect((await call('/api/admin/session', { method: 'POST', body: '{"key":"wrong"}' })).status).toBe(401);
    const session = await call('/api/admin/session', { method: 'POST', body: JSON.stringify({ key: ADMIN_KEY }) });
    expect(session.status).toBe(204);
    const cookie = session.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    const headers = { cookie: cookie.split(';')[0] ?? '', authorization: '' };
    expect((await call('/api/admin/runtime/status', { headers })).status).toBe(200);
    expect((await call('/v1/runs', { headers: { ...headers, 'x-bullpen-org': 'acme' } })).status).toBe(401);
    const board = await call('/admin/queues/api/queues', { headers });
    expect(board.status).toBe(200);
    const { queues } = (await board.json()) as { queues: { name: string; displayName?: string }[] };
    expect(queues.map((one) => one.displayName ?? one.name)).toEqual(expect.arrayContaining(['acme', 'globex']));
  });

  it('says that it is alive, and ready', async () => {
    expect(await (await call('/healthz')).json()).toEqual({ status: 'alive' });
    expect(await (await call('/readyz')).json()).toEqual({ status: 'ready' });
  });
});
