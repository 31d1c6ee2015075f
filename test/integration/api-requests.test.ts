import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BullpenApi } from '@bullpen/api';

import { ADMIN_KEY, deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('requests over two API processes', () => {
  let system: RunningSystem;
  let apis: [BullpenApi, BullpenApi];
  let key: string;

  const call = (api: BullpenApi, path: string, init: RequestInit & { key?: string } = {}) => fetch(`${api.url()}${path}`, {
    ...init, headers: { authorization: `Bearer ${init.key ?? key}`, 'content-type': 'application/json', ...init.headers },
  });
  const makeKey = async (fields: object = {}): Promise<{ id: string; secret: string }> => {
    const answer = await call(apis[0], '/v1/keys', { method: 'POST', key: ADMIN_KEY, body: JSON.stringify({ orgId: 'acme', role: 'owner', ...fields }) });
    return (await answer.json()) as { id: string; secret: string };
  };
  const schedule = (name: string, more: object = {}) => JSON.stringify({ name, cron: '0 3 * * *', run: { agent: 'echo' }, ...more });

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_RATE_LIMIT: '500', BULLPEN_CORS_ORIGINS: 'https://app.example.com', BULLPEN_PUBLIC_URL: 'https://bullpen.example.com/runtime/' } });
    await system.startApi();
    apis = [system.apis[0] as BullpenApi, system.apis[1] as BullpenApi];
    const acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    await deploy(acme, 'slow', 'async (input, ctx) => { ctx.log("here"); await new Promise((resolve) => setTimeout(resolve, 60_000)); }', { timeoutMs: 120_000 });
    key = (await makeKey()).secret;
  });
  afterAll(async () => { await system.stop(); });

  it('give URLs of triggers that work from outside, whatever the proxy in front of us sends', async () => {
    const made = await call(apis[0], '/v1/triggers', { method: 'POST', body: JSON.stringify({ name: 'outside', run: { agent: 'echo' }, scheme: 'none' }) });
    const { url } = (await made.json()) as { url: string };
    expect(url).toMatch(/^https:\/\/bullpen\.example\.com\/runtime\/\w/);
    const rotated = await call(apis[1], '/v1/triggers/outside/rotate', { method: 'POST', body: JSON.stringify({ what: 'url' }) });
    const next = ((await rotated.json()) as { url: string }).url;
    expect(next).toMatch(/^https:\/\/bullpen\.example\.com\/runtime\/\w/);
    const sent = await fetch(next.replace('https://bullpen.example.com/runtime', apis[0].url()), { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(sent.status).toBe(202);
  });

  it('carry out a POST with an idempotency key once, and answer it the same from any process', async () => {
    const headers = { 'idempotency-key': 'make-hourly' };
    const first = await call(apis[0], '/v1/schedules', { method: 'POST', headers, body: schedule('hourly') });
    const again = await call(apis[1], '/v1/schedules', { method: 'POST', headers, body: ` ${schedule('hourly')}` });
    expect([first.status, first.headers.get('idempotent-replayed'), again.status, again.headers.get('idempotent-replayed')]).toEqual([201, null, 201, 'true']);
    expect(again.headers.get('location')).toBe('/v1/schedules/hourly');
    expect(await again.json()).toEqual(await first.json());
    const other = await call(apis[1], '/v1/schedules', { method: 'POST', headers, body: schedule('daily') });
    expect([other.status, await other.json()]).toEqual([422, expect.objectContaining({ code: 'IDEMPOTENCY_KEY_REUSED' })]);
  });

  it('refuse the same key while its first request is being answered, and free it where that fails', async () => {
    const headers = { 'idempotency-key': 'make-key' };
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) =>
      call(apis[index % 2] as BullpenApi, '/v1/keys', { method: 'POST', headers, body: JSON.stringify({ name: 'once' }) })));
    const bodies = await Promise.all(answers.map(async (answer) => ({ status: answer.status, ...((await answer.json()) as { id?: string; code?: string }) })));
    const made = bodies.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(bodies.filter(({ status }) => status !== 201).every(({ status, code }) => status === 409 && code === 'IDEMPOTENCY_IN_FLIGHT')).toBe(true);
    const { items } = (await (await call(apis[0], '/v1/keys')).json()) as { items: { name: string }[] };
    expect(items.filter(({ name }) => name === 'once')).toHaveLength(1);

    const failing = { 'idempotency-key': 'will-fail' };
    const refused = await call(apis[0], '/v1/schedules', { method: 'POST', headers: failing, body: schedule('broken', { run: { agent: 'nobody' } }) });
    expect(refused.status).toBe(404);
    expect((await call(apis[1], '/v1/schedules', { method: 'POST', headers: failing, body: schedule('whole') })).status).toBe(201);
  });

  it('keep no secret of an answer in clear', async () => {
    const answer = await call(apis[0], '/v1/keys', { method: 'POST', headers: { 'idempotency-key': 'with-secret' }, body: '{}' });
    const { secret } = (await answer.json()) as { secret: string };
    const rows = await apis[0].db.sql<{ answer: Uint8Array; keyHash: string }[]>`SELECT answer, key_hash AS "keyHash" FROM idempotent_requests`;
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.some((row) => Buffer.from(row.answer ?? []).includes(secret) || row.keyHash.includes('with-secret'))).toBe(false);
    const again = await call(apis[1], '/v1/keys', { method: 'POST', headers: { 'idempotency-key': 'with-secret' }, body: '{}' });
    expect(await again.json()).toMatchObject({ secret });
  });

  it('share the quota of a key, say what is left, and refuse what is beyond it', async () => {
    const { secret } = await makeKey({ name: 'busy' });
    const answers = await Promise.all(Array.from({ length: 620 }, (_, index) => call(apis[index % 2] as BullpenApi, '/v1/whoami', { key: secret })));
    const windows = new Set(answers.map((answer) => answer.headers.get('ratelimit-policy')));
    expect([...windows]).toEqual(['"key";q=500;w=60']);
    const letIn = answers.filter(({ status }) => status === 200).length;
    // At the turn of a minute there are two windows.
    expect(letIn).toBeLessThanOrEqual(1000);
    const refused = answers.filter(({ status }) => status === 429);
    if (letIn <= 500) {
      expect(letIn).toBeGreaterThan(480);
      expect(await refused[0]?.json()).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
      expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused[0]?.headers.get('ratelimit')).toMatch(/^"key";r=0;t=\d+$/);
    }
    expect((await call(apis[0], '/v1/whoami')).status).toBe(200);
  });

  it('may be compressed; what does not inflate, or inflates too far, is refused', async () => {
    const send = async (encoding: string, body: Uint8Array) => {
      const answer = await call(apis[0], '/v1/runs', { method: 'POST', headers: { 'content-encoding': encoding }, body: new Uint8Array(body) });
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    const whole = gzipSync('{"agent":"echo","input":1}');
    expect(await send('gzip', whole)).toEqual([202, undefined]);
    for (const [encoding, body] of [['gzip', Buffer.from('{}')], ['deflate', Buffer.from('{}')], ['br', Buffer.from('{}')], ['gzip', whole.subarray(0, 20)], ['gzipp', whole]] as const) {
      expect(await send(encoding, body)).toEqual([400, 'INVALID_REQUEST']);
    }
    expect(await send('gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)))).toEqual([413, 'INPUT_TOO_LARGE']);
  });

  it('come from pages of listed origins only', async () => {
    const from = (origin: string, init: RequestInit = {}) => fetch(`${apis[0].url()}/v1/whoami`, { ...init, headers: { origin, ...init.headers } });
    const preflight = await from('https://app.example.com', { method: 'OPTIONS', headers: { 'access-control-request-method': 'GET' } });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, 'https://app.example.com']);
    expect((await from('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('name themselves, by the caller\'s own id where it is a plain token', async () => {
    const own = await call(apis[0], '/v1/whoami', { headers: { 'x-request-id': 'mine-1' } });
    const odd = await call(apis[0], '/v1/whoami', { headers: { 'x-request-id': 'a b{}' } });
    expect([own.headers.get('x-request-id'), odd.headers.get('x-request-id')]).toEqual(['mine-1', expect.stringMatching(/^req_/)]);
  });

  it('rotate a key with an overlap, end one at its expiry, and take one away', async () => {
    const old = await makeKey({ name: 'deployer', role: 'developer' });
    const rotated = (await (await call(apis[0], `/v1/keys/${old.id}/rotate`, { method: 'POST', body: '{"overlapMs":3600000}' })).json()) as { id: string; secret: string; rotatedFrom: string };
    expect(rotated).toMatchObject({ rotatedFrom: old.id, name: 'deployer', role: 'developer' });
    expect([(await call(apis[1], '/v1/whoami', { key: old.secret })).status, (await call(apis[1], '/v1/whoami', { key: rotated.secret })).status]).toEqual([200, 200]);
    const shown = (await (await call(apis[0], `/v1/keys/${old.id}`)).json()) as { expiresAt: string; prefix: string; secret?: string };
    expect(Date.parse(shown.expiresAt)).toBeGreaterThan(Date.now());
    expect([shown.secret, old.secret.startsWith(shown.prefix), shown.prefix.length]).toEqual([undefined, true, 11]);

    const brief = await makeKey({ expiresAt: new Date(Date.now() + 1000).toISOString() });
    await eventually('the key has expired', async () => ((await call(apis[0], '/v1/whoami', { key: brief.secret })).status === 401 ? true : undefined));
    expect(await makeKey({ expiresAt: new Date(Date.now() - 1000).toISOString() })).toMatchObject({ code: 'INVALID_REQUEST', issues: [{ path: 'expiresAt' }] });

    await call(apis[0], `/v1/keys/${rotated.id}`, { method: 'DELETE' });
    expect((await call(apis[0], '/v1/whoami', { key: rotated.secret })).status).toBe(401);
    await eventually('the other process obeys', async () => ((await call(apis[1], '/v1/whoami', { key: rotated.secret })).status === 401 ? true : undefined));
    const used = await eventually('the use is noted', async () => ((await (await call(apis[0], `/v1/keys/${old.id}`)).json()) as { lastUsedAt: string | null }).lastUsedAt ?? undefined);
    expect(Date.parse(used)).toBeGreaterThan(0);
  });

  it('leave a key that was given for a while its end when it is rotated, unless it is given another', async () => {
    const [inAnHour, inADay] = [3_600_000, 86_400_000].map((ms) => new Date(Date.now() + ms).toISOString());
    const lent = await makeKey({ name: 'lent', expiresAt: inAnHour });
    const rotate = async (id: string, body: object) => (await call(apis[0], `/v1/keys/${id}/rotate`, { method: 'POST', body: JSON.stringify(body) })).json();
    const next = (await rotate(lent.id, { overlapMs: 60_000 })) as { id: string };
    expect(next).toMatchObject({ rotatedFrom: lent.id, expiresAt: inAnHour });
    expect(await rotate(next.id, { expiresAt: inADay })).toMatchObject({ rotatedFrom: next.id, expiresAt: inADay });
    expect(await (await call(apis[0], `/v1/keys/${next.id}`)).json()).toMatchObject({ expiresAt: inAnHour });
  });

  it('end a stream whose key is taken away, or expires, and refuse the reconnect', async () => {
    const run = await system.clientOf(apis[0], 'acme').runs.create({ agent: 'slow' });
    const taken = await makeKey({ name: 'taken' });
    const brief = await makeKey({ name: 'brief', expiresAt: new Date(Date.now() + 10_000).toISOString() });
    const streams = await Promise.all([taken, brief].map(({ secret }) => call(apis[1], `/v1/runs/${run.id}/events`, { key: secret })));
    expect(streams.map(({ status }) => status)).toEqual([200, 200]);
    await call(apis[0], `/v1/keys/${taken.id}`, { method: 'DELETE' });
    for (const text of await Promise.all(streams.map((answer) => answer.text()))) {
      expect(text).toMatch(/event: reconnect\nretry: \d+\ndata: \{\}\n\n$/);
    }
    expect((await call(apis[1], `/v1/runs/${run.id}/events`, { key: taken.secret })).status).toBe(401);
    await system.clientOf(apis[0], 'acme').runs.cancel(run.id);
  });

  it('end with a word to reconnect where a stream is open when its process stops', async () => {
    const third = await system.startApi();
    const run = await system.clientOf(third, 'acme').runs.create({ agent: 'slow' });
    const answer = await call(third, `/v1/runs/${run.id}/events`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = '';
    while (!text.includes('"here"')) text += decoder.decode((await reader.read()).value);
    await third.quiesce();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) text += decoder.decode(chunk.value);
    expect(text).toMatch(/event: reconnect\nretry: \d+\n/);
    expect(text).not.toContain('event: end');
    await system.clientOf(apis[0], 'acme').runs.cancel(run.id);
  });
});
