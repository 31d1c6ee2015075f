import { BullpenError, type RunPage } from '@bullpen/core';

import type {
  AgentsClient, BullpenClient, CallOptions, ClientOptions, CreateRunOptions, ListRunsOptions, RunsClient, SchedulesClient,
} from './client-types.ts';
import { createHttp, type Http, type HttpRequest } from './http.ts';
import { streamRun } from './run-stream.ts';

/**
 * A client of the Bullpen API, for Node and for browsers: it uses `fetch` and nothing else.
 * What the API refuses is thrown as a BullpenError with the `code` of docs/errors.md; when no answer comes, the code is
 * API_UNREACHABLE.
 *
 * @example
 * const bullpen = createClient({ baseUrl: 'http://127.0.0.1:3000', apiKey });
 * const run = await bullpen.runs.create<string>({ agent: 'greeter', input: { name: 'Ada' } }, { wait: '30s' });
 */
export function createClient(options: ClientOptions): BullpenClient {
  const { fetch = (url, init) => globalThis.fetch(url, init), timeoutMs = 30_000, retries = 3, ...rest } = options;
  if (!URL.canParse(options.baseUrl)) {
    throw new BullpenError('CONFIG_INVALID', `the API's address is not a URL: ${options.baseUrl}`, { baseUrl: options.baseUrl });
  }
  const http = createHttp({ ...rest, fetch, timeoutMs, retries });
  const get = getter(http);
  const post = poster(http);
  return {
    runs: runsClient(http),
    agents: agentsClient(http),
    schedules: schedulesClient(http),
    organizations: organizationsClient(http),
    keys: { create: (request, call) => post('/v1/keys', request, call) },
    secrets: secretsClient(http),
    admin: {
      rewrapSecrets: (call) => post('/api/admin/secrets/rewrap', undefined, call),
      status: (call) => get('/api/admin/runtime/status', call),
      metrics: (query) => get('/api/admin/runtime/metrics', query),
      killContainer: (containerId, call) => post(`/api/admin/runtime/containers/${encodeURIComponent(containerId)}/kill`, {}, call),
      killRun: (orgId, runId, call) => post(`/api/admin/runtime/runs/${encodeURIComponent(orgId)}/${encodeURIComponent(runId)}/kill`, {}, call),
      doctor: ({ repair = true, ...call } = {}) => post('/api/admin/doctor', { repair }, call),
    },
    whoami: (call) => get('/v1/whoami', call),
  };
}

function runsClient(http: Http): RunsClient {
  const get = getter(http);
  const pathOf = (runId: string): string => `/v1/runs/${encodeURIComponent(runId)}`;
  const runs: RunsClient = {
    create: async (request, options = {}) => (await http.send<never>(createRunCall(request, options))).body,
    get: (runId, call) => get(pathOf(runId), call),
    list: (options: ListRunsOptions = {}) => get<RunPage>('/v1/runs', options),
    createBatch: async (batch, options = {}) => (await http.send<never>({ ...createRunCall({ runs: batch }, options), path: '/v1/runs/batch' })).body,
    cancel: (runId, call) => poster(http)(`${pathOf(runId)}/cancel`, undefined, call),
    cancelMany: (filter, { dryRun, ...call } = {}) => poster(http)('/v1/runs/cancel', { filter, dryRun }, call),
    replay: (runId, call) => poster(http)(`${pathOf(runId)}/replay`, undefined, call),
    replayMany: (filter, { dryRun, ...call } = {}) => poster(http)('/v1/runs/replay', { filter, dryRun }, call),
    why: (runId, call) => get(`${pathOf(runId)}/why`, call),
    events: (runId, options = {}) => streamRun(http, runId, options),
    async wait(runId, call = {}) {
      const items = streamRun(http, runId, { signal: call.signal });
      while ((await items.next()).done !== true);
      return runs.get(runId, call);
    },
  };
  return runs;
}

function createRunCall(request: unknown, options: CreateRunOptions): HttpRequest {
  return {
    method: 'POST',
    path: '/v1/runs',
    query: { wait: options.wait },
    body: request,
    headers: { 'idempotency-key': options.idempotencyKey ?? madeUpKey() },
    signal: options.signal,
    idempotent: true,
    // The API itself answers within a minute.
    extraTimeoutMs: options.wait === undefined ? 0 : 60_000,
  };
}

function secretsClient(http: Http): BullpenClient['secrets'] {
  const pathOf = (name: string): string => `/v1/secrets/${encodeURIComponent(name)}`;
  return {
    set: async (name, value, call = {}) => (await http.send<never>({ method: 'PUT', path: pathOf(name), body: { value }, signal: call.signal, idempotent: true })).body,
    list: (call) => getter(http)('/v1/secrets', call),
    async delete(name, call = {}) {
      // Not repeated by itself: the second time there would be none.
      await http.send({ method: 'DELETE', path: pathOf(name), signal: call.signal, idempotent: false });
    },
  };
}

function agentsClient(http: Http): AgentsClient {
  const get = getter(http);
  const versionsOf = (agent: string): string => `/v1/agents/${encodeURIComponent(agent)}/versions`;
  return {
    list: (page) => get('/v1/agents', page),
    async deploy(agent, request, call = {}) {
      // The same bundle again is answered with the version there is, so a repeat does no harm.
      const { status, body } = await http.send<never>({
        method: 'POST', path: versionsOf(agent), body: request, signal: call.signal, idempotent: true,
      });
      return { version: body, created: status === 201 };
    },
    versions: (agent, page) => get(versionsOf(agent), page),
  };
}

function organizationsClient(http: Http): BullpenClient['organizations'] {
  const get = getter(http);
  const pathOf = (orgId: string): string => `/v1/organizations/${encodeURIComponent(orgId)}`;
  const update: BullpenClient['organizations']['update'] = (orgId, change, call) => patcher(http)(pathOf(orgId), change, call);
  return {
    create: (request, call) => poster(http)('/v1/organizations', request, call),
    list: (page) => get('/v1/organizations', page),
    get: (orgId, call) => get(pathOf(orgId), call),
    update,
    pause: (orgId, call) => update(orgId, { limits: { paused: true } }, call),
    resume: (orgId, call) => update(orgId, { limits: { paused: false } }, call),
    drain: (orgId, call) => poster(http)(`${pathOf(orgId)}/drain`, undefined, call),
  };
}

function schedulesClient(http: Http): SchedulesClient {
  const get = getter(http);
  const pathOf = (name: string): string => `/v1/schedules/${encodeURIComponent(name)}`;
  const update: SchedulesClient['update'] = (name, change, call) => patcher(http)(pathOf(name), change, call);
  return {
    create: (request, call) => poster(http)('/v1/schedules', request, call),
    list: (page) => get('/v1/schedules', page),
    get: (name, call) => get(pathOf(name), call),
    update,
    pause: (name, call) => update(name, { paused: true }, call),
    resume: (name, call) => update(name, { paused: false }, call),
    async delete(name, call = {}) {
      await http.send({ method: 'DELETE', path: pathOf(name), signal: call.signal, idempotent: false });
    },
    next: (name, options) => get(`${pathOf(name)}/preview`, options),
    preview: (request, call) => poster(http)('/v1/schedules/preview', request, call),
  };
}

/** Everything in the options but the signal becomes the query. */
const getter = (http: Http) => async <T>(path: string, options: CallOptions = {}): Promise<T> => {
  const { signal, ...query } = options;
  const { body } = await http.send<T>({ method: 'GET', path, query, signal, idempotent: true });
  return body;
};

/** A POST that may have had its effect although no answer came: never repeated by itself. */
const poster = (http: Http) => async <T>(path: string, body: unknown, call: CallOptions = {}): Promise<T> => {
  const answer = await http.send<T>({ method: 'POST', path, body, signal: call.signal, idempotent: false });
  return answer.body;
};

/** A change to what is named: doing it twice is doing it once. */
const patcher = (http: Http) => async <T>(path: string, body: unknown, call: CallOptions = {}): Promise<T> => {
  const answer = await http.send<T>({ method: 'PATCH', path, body, signal: call.signal, idempotent: true });
  return answer.body;
};

/** 128 random bits. Not `randomUUID`, which browsers keep for pages served over TLS. */
function madeUpKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `sdk_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
