import { describe, expect, it } from '@jest/globals';

import { createClient } from './client.ts';
import type { Fetch } from './http.ts';

interface Call {
  url: string;
  method: string | undefined;
  headers: Record<string, string>;
  body: unknown;
}

/** A fetch that answers from a script, and what it was asked. The last step repeats. */
function scripted(...steps: (() => Response)[]): { fetch: Fetch; calls: Call[] } {
  const calls: Call[] = [];
  const fetch: Fetch = async (url, init) => {
    const body: unknown = init.body === undefined ? undefined : JSON.parse(String(init.body));
    calls.push({ url, method: init.method, headers: init.headers as Record<string, string>, body });
    return steps[Math.min(calls.length, steps.length) - 1]!();
  };
  return { fetch, calls };
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) => () =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
const problem = (status: number, code: string, detail: string, headers = {}) =>
  json(status, { code, detail, requestId: 'req_1', issues: [{ path: 'agent', message: 'no' }] }, { 'content-type': 'application/problem+json', ...headers });
const refused = (): never => {
  throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) });
};
const busy = problem(503, 'SERVICE_UNAVAILABLE', 'Postgres is away', { 'retry-after': '0' });

const clientOf = (fetch: Fetch, more = {}) => createClient({ baseUrl: 'http://api.test/', apiKey: 'key', fetch, ...more });

describe('the client', () => {
  it('says who asks, for which organization, and what', async () => {
    const { fetch, calls } = scripted(json(202, { id: 'run_1' }));
    await clientOf(fetch, { org: 'acme' }).runs.create({ agent: 'echo', input: { a: 1 } }, { wait: '30s', idempotencyKey: 'once' });
    expect(calls).toEqual([{
      url: 'http://api.test/v1/runs?wait=30s',
      method: 'POST',
      headers: {
        accept: 'application/json', authorization: 'Bearer key', 'x-bullpen-org': 'acme', 'content-type': 'application/json', 'idempotency-key': 'once',
      },
      body: { agent: 'echo', input: { a: 1 } },
    }]);
  });

  it('repeats a create that got no answer or a 503, with the same made-up idempotency key', async () => {
    const { fetch, calls } = scripted(refused, busy, json(202, { id: 'run_1' }));
    expect(await clientOf(fetch).runs.create({ agent: 'echo' })).toEqual({ id: 'run_1' });
    const keys = calls.map((call) => call.headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(keys[0]).toMatch(/^sdk_[0-9a-f]{32}$/);
    expect(new Set(keys).size).toBe(1);
  });

  it('repeats a create whose first try is still being answered, and any call that came beyond its rate', async () => {
    const inFlight = problem(409, 'IDEMPOTENCY_IN_FLIGHT', 'a moment');
    const limited = problem(429, 'RATE_LIMITED', 'too many', { 'retry-after': '0' });
    const made = scripted(refused, inFlight, limited, json(201, { id: 'key_1' }));
    expect(await clientOf(made.fetch).keys.create({})).toEqual({ id: 'key_1' });
    expect(new Set(made.calls.map((call) => call.headers['idempotency-key'])).size).toBe(1);
    const cancelled = scripted(limited, json(202, { id: 'run_1' }));
    expect(await clientOf(cancelled.fetch).runs.cancel('run_1')).toEqual({ id: 'run_1' });
  });

  it('does not come before it was told to: where that is long, whoever called decides', async () => {
    const { fetch, calls } = scripted(problem(429, 'RATE_LIMITED', 'too many', { 'retry-after': '60' }));
    await expect(clientOf(fetch).runs.get('run_1')).rejects.toMatchObject({ code: 'RATE_LIMITED', facts: { retryAfterMs: 60_000 } });
    expect(calls).toHaveLength(1);
  });

  it('repeats what a proxy answered while the API behind it was away', async () => {
    const gone = () => new Response('<h1>Bad gateway</h1>', { status: 502 });
    const { fetch } = scripted(gone, gone, json(200, { id: 'run_1' }));
    expect(await clientOf(fetch).runs.get('run_1')).toEqual({ id: 'run_1' });
    const waited = scripted(gone, json(200, { state: 'succeeded' }));
    expect(await clientOf(waited.fetch, { retries: 0 }).waitForRun('run_1')).toEqual({ state: 'succeeded' });
  });

  it('waits for a run as slowly as its rate lets it', async () => {
    const { fetch, calls } = scripted(problem(429, 'RATE_LIMITED', 'too many', { 'retry-after': '1' }), json(200, { state: 'succeeded' }));
    const startedAtMs = performance.now();
    expect(await clientOf(fetch, { retries: 0 }).waitForRun('run_1')).toEqual({ state: 'succeeded' });
    expect(calls).toHaveLength(2);
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(990);
  });

  it('makes up another key for another call', async () => {
    const { fetch, calls } = scripted(json(202, {}));
    const client = clientOf(fetch);
    await client.runs.create({ agent: 'echo' });
    await client.runs.create({ agent: 'echo' });
    expect(calls[0]?.headers['idempotency-key']).not.toBe(calls[1]?.headers['idempotency-key']);
  });

  it('does not repeat what may have had its effect', async () => {
    const { fetch, calls } = scripted(refused);
    await expect(clientOf(fetch).runs.cancel('run_1')).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    expect(calls).toHaveLength(1);
  });

  it('repeats what makes something under one idempotency key', async () => {
    const { fetch, calls } = scripted(refused);
    await expect(clientOf(fetch).keys.create({ name: 'ci' })).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    expect(calls.length).toBeGreaterThan(1);
    expect(new Set(calls.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  it('does not repeat what the API refused, and keeps its code, sentence and facts', async () => {
    const { fetch, calls } = scripted(problem(404, 'AGENT_NOT_FOUND', 'no agent echo in acme'));
    await expect(clientOf(fetch).runs.create({ agent: 'echo' })).rejects.toMatchObject({
      code: 'AGENT_NOT_FOUND', message: 'no agent echo in acme', facts: { httpStatus: 404, requestId: 'req_1', issues: [{ path: 'agent' }] },
    });
    expect(calls).toHaveLength(1);
  });

  it('gives up after its retries and says why nothing came', async () => {
    const { fetch, calls } = scripted(refused);
    await expect(clientOf(fetch, { retries: 2 }).runs.get('run_1')).rejects.toMatchObject({
      code: 'API_UNREACHABLE', message: 'no answer from http://api.test/: ECONNREFUSED',
    });
    expect(calls).toHaveLength(3);
  });

  it('calls an answer that is not of Bullpen INTERNAL, with the status', async () => {
    const { fetch } = scripted(() => new Response('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway' }));
    await expect(clientOf(fetch).whoami()).rejects.toMatchObject({
      code: 'INTERNAL', message: 'GET /v1/whoami was answered with 502 Bad Gateway', facts: { httpStatus: 502 },
    });
  });

  it('stops at the caller\'s abort, between retries too', async () => {
    const abort = new AbortController();
    const { fetch, calls } = scripted(() => {
      abort.abort(new Error('enough'));
      return refused();
    });
    await expect(clientOf(fetch).runs.get('run_1', { signal: abort.signal })).rejects.toThrow('enough');
    expect(calls).toHaveLength(1);
  });

  it('waits for a run over as many requests as it takes, and through an API that is away for a moment', async () => {
    const { fetch, calls } = scripted(json(202, { state: 'running' }), refused, json(200, { state: 'succeeded', result: 7 }));
    expect(await clientOf(fetch, { retries: 0 }).waitForRun('run_1')).toEqual({ state: 'succeeded', result: 7 });
    expect(calls.map((call) => call.url)).toEqual(Array(3).fill('http://api.test/v1/runs/run_1/wait?timeout=30000ms'));
  });

  it('gives up waiting when it was told to, at once for what is refused, and at the caller\'s abort', async () => {
    const { fetch } = scripted(json(202, { state: 'running' }));
    await expect(clientOf(fetch).runs.wait('run_1', { timeoutMs: 1 })).rejects.toMatchObject({ code: 'RUN_NOT_FINISHED', facts: { state: 'running' } });
    await expect(clientOf(fetch).runs.wait('run_1', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const missing = scripted(problem(404, 'NOT_FOUND', 'no such run'));
    await expect(clientOf(missing.fetch).runs.wait('run_1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(missing.calls).toHaveLength(1);
  });

  it('gives a handle to a run that was started', async () => {
    const { fetch, calls } = scripted(json(202, { id: 'run_7', state: 'queued' }), json(200, { state: 'succeeded', result: 'x' }));
    const run = await clientOf(fetch).runs.start<string>({ agent: 'echo' });
    expect([run.id, (await run.wait()).result]).toEqual(['run_7', 'x']);
    await run.cancel();
    expect(calls.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual(['POST /v1/runs', 'GET /v1/runs/run_7/wait', 'POST /v1/runs/run_7/cancel']);
  });

  it('tells a new version from an unchanged one', async () => {
    const { fetch, calls } = scripted(json(201, { version: 1 }), json(200, { version: 1 }));
    const { agents } = clientOf(fetch);
    expect(await agents.deploy('echo', { bundle: 'export default 1' })).toEqual({ version: { version: 1 }, created: true });
    expect((await agents.deploy('echo', { bundle: 'export default 1' })).created).toBe(false);
    expect(calls[0]?.url).toBe('http://api.test/v1/agents/echo/versions');
  });

  it('puts filters and pages in the query and leaves out what is not given', async () => {
    const { fetch, calls } = scripted(json(200, { items: [], nextCursor: null }));
    const client = clientOf(fetch);
    await client.runs.list({ state: 'failed', agent: undefined, limit: 5 });
    await client.admin.metrics({ windowMs: 60_000 });
    await client.runs.get('run/../x');
    expect(calls.map((call) => call.url)).toEqual([
      'http://api.test/v1/runs?state=failed&limit=5', 'http://api.test/api/admin/runtime/metrics?windowMs=60000', 'http://api.test/v1/runs/run%2F..%2Fx',
    ]);
  });

  it('refuses an address that is none and a request that JSON cannot hold', async () => {
    expect(() => createClient({ baseUrl: 'localhost' })).toThrow(/not a URL/);
    const { fetch, calls } = scripted(json(202, {}));
    await expect(clientOf(fetch).runs.create({ agent: 'echo', input: 1n })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(calls).toHaveLength(0);
  });
});
