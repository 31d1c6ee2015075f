import { BullpenError, type DeletedOrganization, type RunPage } from '@bullpen/core';

import { alertsClient } from './alerts-client.ts';
import type {
  AgentsClient, BullpenClient, CallOptions, ClientOptions, CreateRunOptions, DeploymentsClient, KeysClient, ListRunsOptions, RunsClient, SchedulesClient,
} from './client-types.ts';
import { creator, remover, getter, madeUpKey, patcher, poster } from './calls.ts';
import { createHttp, type Http, type HttpRequest } from './http.ts';
import { runHandle } from './run-handle.ts';
import { streamRun } from './run-stream.ts';
import { triggersClient, webhooksClient } from './webhooks-client.ts';
import { waitForRun } from './wait-for-run.ts';

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
  const runs = runsClient(http);
  return {
    runs,
    run: (runId) => runHandle(runs, runId),
    waitForRun: (runId, options) => runs.wait(runId, options),
    alerts: alertsClient(http, '/v1'),
    usage: (query) => get('/v1/usage', query),
    health: {
      alive: async (call) => { await get('/healthz', call); },
      ready: async (call) => { await get('/readyz', call); },
    },
    agents: agentsClient(http),
    schedules: schedulesClient(http),
    organizations: organizationsClient(http),
    deployments: deploymentsClient(http),
    keys: keysClient(http),
    audit: { list: (query) => get('/v1/audit', query) },
    secrets: secretsClient(http),
    webhooks: webhooksClient(http),
    triggers: triggersClient(http),
    admin: adminClient(http),
    whoami: (call) => get('/v1/whoami', call),
  };
}

function adminClient(http: Http): BullpenClient['admin'] {
  const get = getter(http);
  const post = poster(http);
  const runtime = '/api/admin/runtime';
  return {
    rewrapSecrets: (call) => post('/api/admin/secrets/rewrap', undefined, call),
    status: (call) => get(`${runtime}/status`, call),
    metrics: (query) => get(`${runtime}/metrics`, query),
    audit: { list: (query) => get('/api/admin/audit', query) },
    alerts: alertsClient(http, '/api/admin'),
    cancelRun: (orgId, runId, call) => post(`/api/admin/runs/${encodeURIComponent(orgId)}/${encodeURIComponent(runId)}/cancel`, {}, call),
    killContainer: (containerId, call) => post(`${runtime}/containers/${encodeURIComponent(containerId)}/kill`, {}, call),
    killRun: (orgId, runId, call) => post(`${runtime}/runs/${encodeURIComponent(orgId)}/${encodeURIComponent(runId)}/kill`, {}, call),
    webhooks: (call) => get('/api/admin/webhooks', call),
    replayDelivery: (deliveryId, call) => post(`/api/admin/webhooks/deliveries/${encodeURIComponent(deliveryId)}/replay`, {}, call),
    doctor: ({ repair = true, ...call } = {}) => post('/api/admin/doctor', { repair }, call),
  };
}

async function exportOrganization(http: Http, orgId: string, call: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
  const path = `/v1/organizations/${encodeURIComponent(orgId)}/export`;
  const { body } = await http.open({ method: 'GET', path, signal: call.signal, idempotent: true });
  if (body === null) throw new BullpenError('API_UNREACHABLE', 'the API answered without a body');
  return body;
}

async function deleteOrganization(http: Http, orgId: string, call: CallOptions = {}): Promise<DeletedOrganization> {
  const path = `/v1/organizations/${encodeURIComponent(orgId)}`;
  // What broke off is gone on with by asking again; that its own answer was lost shows as NOT_FOUND.
  const request = { method: 'DELETE', path, query: { confirm: orgId }, signal: call.signal, idempotent: false, extraTimeoutMs: 600_000 } as const;
  return (await http.send<DeletedOrganization>(request)).body;
}

function runsClient(http: Http): RunsClient {
  const get = getter(http);
  const pathOf = (runId: string): string => `/v1/runs/${encodeURIComponent(runId)}`;
  const runs: RunsClient = {
    create: async (request, options = {}) => (await http.send<never>(createRunCall(request, options))).body,
    get: (runId, call) => get(pathOf(runId), call),
    list({ metadata, ...options }: ListRunsOptions = {}) {
      const query = { ...options, metadata: pairsOf(metadata) };
      return get<RunPage>('/v1/runs', query);
    },
    createBatch: async (batch, options = {}) => (await http.send<never>({ ...createRunCall({ runs: batch }, options), path: '/v1/runs/batch' })).body,
    cancel: (runId, call) => poster(http)(`${pathOf(runId)}/cancel`, undefined, call),
    cancelMany: (filter, { dryRun, limit, ...call } = {}) => poster(http)('/v1/runs/cancel', { filter, dryRun, limit }, call),
    replay: (runId, call) => poster(http)(`${pathOf(runId)}/replay`, undefined, call),
    replayMany: (filter, { dryRun, limit, again, ...call } = {}) => poster(http)('/v1/runs/replay', { filter, dryRun, limit, again }, call),
    why: (runId, call) => get(`${pathOf(runId)}/why`, call),
    events: (runId, options = {}) => streamRun(http, runId, options),
    logs: (runId, options) => get(`${pathOf(runId)}/logs`, options),
    result: (runId, call) => get(`${pathOf(runId)}/result`, call),
    wait: (runId, options) => waitForRun(http, runId, options),
    async start(request, options = {}) {
      const run = await runs.create(request, options);
      return runHandle(runs, run.id);
    },
  };
  return runs;
}

const pairsOf = (metadata: Readonly<Record<string, string>> | undefined) =>
  (metadata === undefined ? undefined : Object.entries(metadata).map(([name, value]) => `${name}:${value}`));

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
    delete: (name, call) => remover(http)(pathOf(name), call),
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

function deploymentsClient(http: Http): DeploymentsClient {
  const get = getter(http);
  const of = (agent: string, deployment?: string): string =>
    `/v1/agents/${encodeURIComponent(agent)}/deployments${deployment === undefined ? '' : `/${encodeURIComponent(deployment)}`}`;
  return {
    list: (agent, page) => get(of(agent), page),
    get: (agent, deployment, call) => get(of(agent, deployment), call),
    async put(agent, deployment, request, call = {}) {
      // Saying twice where it points is saying it once.
      const { body } = await http.send<never>({ method: 'PUT', path: of(agent, deployment), body: request, signal: call.signal, idempotent: true });
      return body;
    },
    rollBack: (agent, deployment, request = {}, call) => creator(http)(`${of(agent, deployment)}/rollback`, request, call),
    health: (agent, deployment, call) => get(`${of(agent, deployment)}/health`, call),
    delete: (agent, deployment, call) => remover(http)(of(agent, deployment), call),
  };
}

function keysClient(http: Http): KeysClient {
  const get = getter(http);
  const of = (keyId: string): string => `/v1/keys/${encodeURIComponent(keyId)}`;
  return {
    create: (request, call) => creator(http)('/v1/keys', request, call),
    list: (page) => get('/v1/keys', page),
    get: (keyId, call) => get(of(keyId), call),
    rotate: (keyId, request = {}, call) => creator(http)(`${of(keyId)}/rotate`, request, call),
    async revoke(keyId, call = {}) {
      const { body } = await http.send<never>({ method: 'DELETE', path: of(keyId), signal: call.signal, idempotent: true });
      return body;
    },
  };
}

function organizationsClient(http: Http): BullpenClient['organizations'] {
  const get = getter(http);
  const pathOf = (orgId: string): string => `/v1/organizations/${encodeURIComponent(orgId)}`;
  const update: BullpenClient['organizations']['update'] = (orgId, change, call) => patcher(http)(pathOf(orgId), change, call);
  return {
    create: (request, call) => creator(http)('/v1/organizations', request, call),
    export: (orgId, call) => exportOrganization(http, orgId, call),
    delete: (orgId, call) => deleteOrganization(http, orgId, call),
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
    create: (request, call) => creator(http)('/v1/schedules', request, call),
    list: (page) => get('/v1/schedules', page),
    get: (name, call) => get(pathOf(name), call),
    update,
    pause: (name, call) => update(name, { paused: true }, call),
    resume: (name, call) => update(name, { paused: false }, call),
    delete: (name, call) => remover(http)(pathOf(name), call),
    next: (name, options) => get(`${pathOf(name)}/preview`, options),
    preview: (request, call) => poster(http)('/v1/schedules/preview', request, call),
  };
}
