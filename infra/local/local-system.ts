import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { childEnv, type UpConfig } from './config.ts';
import { openCredentials, openSecretsKey, saveCredentials, type Credentials } from './credentials.ts';
import { buildDashboard } from './dashboard-build.ts';
import { CHECKOUT_DIR } from './data-dir.ts';
import { firstFreePort } from './free-port.ts';
import type { Launch, Launched } from './launch.ts';
import { superviseProcess, type SupervisedProcess } from './process-supervisor.ts';
import { migrateStores, openPostgres, openQueue, type ChosenQueue, type ChosenStore } from './stores.ts';

const FIRST_PORT = 3000;
/** From SIGTERM until the worker gives back what still runs. */
const STOP_MS = 8000;

/** A running system, and how it was put together. */
export interface LocalSystem {
  readonly apiUrl: string;
  readonly credentials: Credentials;
  readonly postgres: ChosenStore;
  readonly queue: ChosenQueue;
}

export interface LaunchReport {
  /** A step that is done. */
  step(name: string, outcome: string, tookMs: number): void;
  /** API or worker ended by itself and will be started again. */
  restart(name: string, ended: string, waitMs: number): void;
  /** Postgres or Redis ended by itself: nothing works any more. */
  death(what: string): void;
}

/** Brings everything up, step by step; `launch` holds what has begun when one of them fails. */
export async function bringUp(config: UpConfig, launch: Launch, report: LaunchReport): Promise<LocalSystem> {
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  mkdirSync(config.logDir, { recursive: true, mode: 0o700 });
  const dashboard = timed(buildDashboard());
  dashboard.catch(() => undefined); // awaited below; a failure before that is not lost
  const postgres = await step(report, 'postgres', openPostgres(config, launch, report.death), (store) => store.said);
  const queue = await step(report, 'queue', openQueue(config, postgres.url, launch, report.death), (store) => store.said);
  await step(report, 'database', migrateStores(postgres.url, queue.url), (applied) =>
    applied.length === 0 ? 'is of this version' : `brought to this version (${applied.length} migrations)`,
  );
  const { value: built, tookMs } = await dashboard;
  report.step('dashboard', built ? 'built' : 'is built', tookMs);
  const { apiUrl, credentials } = await startProcesses(config, launch, report, postgres, queue);
  return { apiUrl, credentials, postgres, queue };
}

async function startProcesses(
  config: UpConfig,
  launch: Launch,
  report: LaunchReport,
  postgres: ChosenStore,
  queue: ChosenQueue,
): Promise<{ apiUrl: string; credentials: Credentials }> {
  const port = config.port ?? (await firstFreePort(FIRST_PORT, config.host));
  const apiUrl = `http://${config.host === '0.0.0.0' || config.host === '::' ? '127.0.0.1' : config.host}:${port}`;
  const credentials = openCredentials(config.dataDir, apiUrl);
  saveCredentials(config.credentialDirs, credentials);
  const shared = { DATABASE_URL: postgres.url, QUEUE_URL: queue.url, BULLPEN_STOP_MS: String(STOP_MS), BULLPEN_SECRETS_KEY_FILE: openSecretsKey(config.dataDir) };
  const api = superviseProcess({
    ...processOf('api', config, report),
    env: childEnv({ ...shared, HOST: config.host, PORT: String(port), BULLPEN_ADMIN_KEY: credentials.adminKey }),
    readyEvent: 'api.listening',
  });
  const worker = superviseProcess({
    ...processOf('worker', config, report),
    env: childEnv({ ...shared, BULLPEN_CACHE_DIR: path.join(config.dataDir, 'bundles') }),
    readyEvent: 'worker.ready',
  });
  await step(report, 'api', launch.begin(together([api, worker])), () => `${apiUrl}, one worker beside it`);
  return { apiUrl, credentials };
}

function processOf(name: 'api' | 'worker', config: UpConfig, report: LaunchReport) {
  return {
    name,
    entry: path.join(CHECKOUT_DIR, 'apps', name, 'src', 'main.ts'),
    logFile: path.join(config.logDir, `${name}.log`),
    onRestart: report.restart,
  };
}

/** Two processes that do not wait for each other, at start and at stop. */
function together(processes: readonly SupervisedProcess[]): Launched {
  const all = async (act: (each: SupervisedProcess) => Promise<void>): Promise<void> => {
    const done = await Promise.allSettled(processes.map(act));
    for (const each of done) if (each.status === 'rejected') throw each.reason;
  };
  return {
    start: () => all((each) => each.start()),
    quiesce: () => all((each) => each.quiesce()),
    stop: (by) => all((each) => each.stop(by)),
    kill: () => processes.forEach((each) => each.kill()),
  };
}

async function step<T>(report: LaunchReport, name: string, work: Promise<T>, outcome: (value: T) => string): Promise<T> {
  const { value, tookMs } = await timed(work);
  report.step(name, outcome(value), tookMs);
  return value;
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; tookMs: number }> {
  const startedMs = performance.now();
  return { value: await work, tookMs: performance.now() - startedMs };
}
