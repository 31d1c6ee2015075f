import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';

import { BullpenError, Deadline, type Service } from '@bullpen/core';

import { freePort } from './free-port.ts';
import { spawnGuarded, type GuardedProcess } from './guarded-process.ts';
import { pollUntil } from './poll.ts';
import { endProcess, readLiveRecord, removeProcessRecord, writeProcessRecord } from './process-identity.ts';

const SERVER_NAMES = ['redis-server', 'valkey-server'];
/** Looked into besides PATH: a service manager or a desktop often starts us with a short one. */
const USUAL_DIRS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
const READY_MS = 30_000;

/** The first Redis or Valkey server of this machine, or of those that are called so, or null. */
export function findRedisServer(searchPath: string, names: readonly string[] = SERVER_NAMES): string | null {
  const dirs = [...searchPath.split(path.delimiter).filter(Boolean), ...USUAL_DIRS];
  const candidates = dirs.flatMap((dir) => names.map((name) => path.join(dir, name)));
  return candidates.find(isExecutable) ?? null;
}

/**
 * A Redis of our own on loopback, behind a random password. Guarantees: with `durable`, what was queued survives a kill
 * (append-only file, synced every second); nothing is ever evicted; the server does not outlive this process.
 */
export interface LocalRedis extends Service {
  /** Connection URL; only after `start`. */
  readonly url: string;
}

export interface LocalRedisOptions {
  readonly binary: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly durable: boolean;
  /** Told when the server ended although nobody stopped it. */
  readonly onDeath?: (what: string) => void;
}

export function createLocalRedis(options: LocalRedisOptions): LocalRedis {
  const dir = path.join(options.dataDir, 'redis');
  const record = path.join(dir, 'server.json');
  let running: { server: GuardedProcess; url: string } | null = null;
  return {
    async start() {
      if (running) return;
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const orphan = readLiveRecord(record);
      if (orphan) await endProcess(orphan, 'SIGTERM', Deadline.in(10_000));
      running = await startServer(options, dir);
      const { server } = running;
      void server.exited.then((code) => running?.server === server && options.onDeath?.(`Redis ended with code ${code}; see ${options.logFile}`));
      writeProcessRecord(record, Number(readFileSync(path.join(dir, 'redis.pid'), 'utf8')));
    },
    async quiesce() {},
    async stop(by) {
      const stopping = running;
      running = null;
      await stopping?.server.stop(by);
      if (stopping) removeProcessRecord(record);
    },
    get url() {
      if (!running) throw new BullpenError('SERVICE_UNAVAILABLE', 'Redis has not been started');
      return running.url;
    },
  };
}

async function startServer(options: LocalRedisOptions, dir: string): Promise<{ server: GuardedProcess; url: string }> {
  const port = await freePort();
  const password = randomBytes(24).toString('base64url');
  const configFile = path.join(dir, 'redis.conf');
  writeFileSync(configFile, redisConfig({ dir, port, password, durable: options.durable }), { mode: 0o600 });
  const server = spawnGuarded({
    command: options.binary,
    args: [configFile],
    stopSignal: 'TERM',
    logFile: options.logFile,
    cwd: dir,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  const probe = async (): Promise<boolean | null> => (server.hasExited() ? false : (await answers(port, password)) || null);
  if (await pollUntil(probe, Deadline.in(READY_MS))) return { server, url: `redis://:${password}@127.0.0.1:${port}` };
  await server.stop(Deadline.in(2000));
  const tail = existsSync(options.logFile) ? readFileSync(options.logFile, 'utf8').trim().split('\n').slice(-5).join('\n  ') : '';
  throw new BullpenError('SERVICE_UNAVAILABLE', `${options.binary} did not start; its log ends with:\n  ${tail}`, { logFile: options.logFile });
}

function redisConfig(options: { dir: string; port: number; password: string; durable: boolean }): string {
  const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return [
    'bind 127.0.0.1',
    `port ${options.port}`,
    `requirepass ${options.password}`,
    `dir ${quoted(options.dir)}`,
    `pidfile ${quoted(path.join(options.dir, 'redis.pid'))}`,
    'daemonize no',
    'save ""',
    `appendonly ${options.durable ? 'yes' : 'no'}`,
    'maxmemory-policy noeviction',
    '',
  ].join('\n');
}

/** True once the server takes commands: while it loads its append-only file it answers with an error. */
function answers(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let heard = '';
    const end = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (heard.includes('+PONG')) end(true);
      else if (heard.includes('-LOADING')) end(false);
    });
    socket.once('close', () => end(false));
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
