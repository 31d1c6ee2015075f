import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApi, loadConfig as loadApiConfig, type BullpenApi } from '@bullpen/api';
import { Deadline, defined, silentLogger, type AgentManifestInput, type Faults, type Service } from '@bullpen/core';
import type { EgressOptions } from '@bullpen/runtime';
import { createClient, type BullpenClient } from '@bullpen/sdk';
import { createWorker, loadConfig as loadWorkerConfig, type BullpenWorker } from '@bullpen/worker';

import { createTestDatabase, testPrefix, testServices } from '../services/index.ts';

/** The parts of a system that tests start in their own process: real Postgres, real queue, real HTTP, real threads. */
export type QueueBackend = 'redis' | 'postgres';

export const ADMIN_KEY = 'test-admin-key-0123456789abcdef';

export interface RunningSystem {
  readonly env: Record<string, string>;
  readonly admin: BullpenClient;
  readonly apis: BullpenApi[];
  readonly workers: BullpenWorker[];
  startApi(): Promise<BullpenApi>;
  startWorker(options?: { faults?: Faults; env?: Record<string, string>; egress?: EgressOptions; namespaces?: boolean }): Promise<BullpenWorker>;
  /** A new organization and a client with a key of its own. */
  organization(orgId: string, options?: { poolMb?: number; maxMemoryMb?: number }): Promise<BullpenClient>;
  /** A client for the organization over another API process. */
  clientOf(api: BullpenApi, orgId: string): BullpenClient;
  stopWorkers(): Promise<void>;
  stop(): Promise<void>;
}

/** One API process and `workers` workers on a database and a key prefix of their own. */
export async function startSystem(options: { queue: QueueBackend; workers?: number; env?: Record<string, string> }): Promise<RunningSystem> {
  const database = await createTestDatabase();
  const cacheDir = await mkdtemp(join(tmpdir(), 'bullpen-test-bundles-'));
  const env = {
    DATABASE_URL: database.url,
    QUEUE_URL: options.queue === 'redis' ? testServices().redisUrl : database.url,
    QUEUE_PREFIX: testPrefix(),
    BULLPEN_ADMIN_KEY: ADMIN_KEY,
    BULLPEN_CACHE_DIR: cacheDir,
    BULLPEN_RECONCILE_MS: '300',
    BULLPEN_STOP_MS: '5000',
    PORT: '0',
    BULLPEN_SECRETS_KEY: randomBytes(32).toString('base64'),
    ...options.env,
  };
  const apis: BullpenApi[] = [];
  const workers: BullpenWorker[] = [];

  const system: RunningSystem = {
    env,
    apis,
    workers,
    get admin() { return createClient({ baseUrl: url(), apiKey: ADMIN_KEY }); },
    async startApi() {
      const api = createApi(loadApiConfig(env), { log: silentLogger });
      await api.start();
      apis.push(api);
      return api;
    },
    async startWorker({ faults, env: more, egress, namespaces } = {}) {
      const worker = createWorker(loadWorkerConfig({ ...env, ...more }), { log: silentLogger, ...defined({ faults, egress, namespaces }) });
      await worker.start();
      workers.push(worker);
      return worker;
    },
    async organization(orgId, limits = {}) {
      await system.admin.organizations.create({ id: orgId, ...limits });
      const { secret } = await system.admin.keys.create({ orgId });
      return createClient({ baseUrl: url(), apiKey: secret });
    },
    clientOf: (api, orgId) => createClient({ baseUrl: api.url(), apiKey: ADMIN_KEY, org: orgId }),
    stopWorkers: () => stopAll(workers),
    async stop() {
      await stopAll(workers);
      await stopAll(apis);
      await rm(cacheDir, { recursive: true, force: true });
      await database.drop();
    },
  };
  const url = () => (apis[0] as BullpenApi).url();

  await system.startApi();
  for (let i = 0; i < (options.workers ?? 1); i += 1) await system.startWorker();
  return system;
}

async function stopAll(services: Service[]): Promise<void> {
  const by = Deadline.in(10_000);
  for (const service of services.splice(0)) {
    await service.quiesce();
    await service.stop(by);
  }
}

/** Deploys an agent from the source of its `run` function, written as in a bundle. */
export async function deploy(client: BullpenClient, name: string, run: string, manifest: AgentManifestInput = {}): Promise<void> {
  await client.agents.deploy(name, { bundle: `export default { name: ${JSON.stringify(name)}, run: ${run} };\n`, manifest });
}

/** Resolves when `check` gives something else than undefined; looks again and again, and says what it waited for. */
export async function eventually<T>(what: string, check: () => Promise<T | undefined>, withinMs = 20_000): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await new Promise((resume) => { setTimeout(resume, 25); });
  }
}
