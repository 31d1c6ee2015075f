/** Redis servers beside the shared one, for tests of clusters and failovers. They end with this process at the latest. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Deadline } from '@bullpen/core';
import { pollUntil, spawnGuarded } from '@bullpen/infra';
import { Redis } from 'ioredis';

import { requireProgram } from './programs.ts';

const READY_WITHIN_MS = 30_000;
const MOST_TRIES = 3;
/** A node of a cluster also listens this much above its port, so its port must be low enough. */
const BUS_OFFSET = 10_000;

export interface RedisServer {
  readonly port: number;
  /** Of the server itself. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** Servers in one temporary folder: of the Redis of the tests, or of another program that speaks its protocol. */
export class RedisServers {
  readonly #binary: string;
  readonly #dir = mkdtempSync(path.join(tmpdir(), `bullpen-test-${process.pid}-redis-`));
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(binary = requireProgram('redis')) {
    this.#binary = binary;
  }

  /** @param args - options as on the command line; `--sentinel` with its configuration file first starts a Sentinel */
  async start(args: readonly string[]): Promise<RedisServer> {
    for (let tries = 1; ; tries += 1) {
      const started = await this.#tryStart(args, await freeLowPort());
      if (typeof started !== 'string') return started;
      // Somebody else drew the same port.
      if (tries >= MOST_TRIES) throw new Error(`a Redis of the tests did not start:\n${started}`);
    }
  }

  file(name: string): string {
    return path.join(this.#dir, name);
  }

  /** @returns its log where it did not start */
  async #tryStart(args: readonly string[], listensOn: number): Promise<RedisServer | string> {
    const name = path.join(this.#dir, String(listensOn));
    const server = spawnGuarded({
      command: this.#binary,
      args: [...args, '--port', String(listensOn), '--bind', '127.0.0.1', '--dir', this.#dir, '--pidfile', `${name}.pid`, '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
      stopSignal: 'TERM',
      logFile: `${name}.log`,
      cwd: this.#dir,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
    });
    const stop = (): Promise<void> => server.stop(Deadline.in(5000));
    this.#stops.push(stop);
    const isUp = await pollUntil(async () => (server.hasExited() ? false : (await answers(listensOn)) || null), Deadline.in(READY_WITHIN_MS));
    if (!isUp) return readFileSync(`${name}.log`, 'utf8');
    return { port: listensOn, pid: Number(readFileSync(`${name}.pid`, 'utf8')), stop };
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map((stop) => stop()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** True when it answers to PING, whatever it says. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (isUp: boolean): void => {
      socket.destroy();
      resolve(isUp);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', () => end(true));
  });
}

/** One that, like its bus port, nothing listens on, below those that outgoing connections get. Drawn: other test files draw too. */
async function freeLowPort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 11_000);
    if (!(await answers(port)) && !(await answers(port + BUS_OFFSET))) return port;
  }
}

export interface RedisCluster {
  /** redis+cluster:// with all of its nodes. */
  readonly url: string;
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

const SLOTS = 16_384;

/** Three masters without replicas, that know each other and all slots. */
export async function startRedisCluster(binary?: string): Promise<RedisCluster> {
  const servers = new RedisServers(binary);
  const nodes = await Promise.all([0, 1, 2].map((n) => {
    return servers.start(['--cluster-enabled', 'yes', '--cluster-config-file', servers.file(`nodes-${n}.conf`), '--cluster-node-timeout', '5000', '--cluster-require-full-coverage', 'yes']);
  }));
  const clients = nodes.map(({ port }) => new Redis({ host: '127.0.0.1', port }));
  await Promise.all(clients.map(async (client, n) => {
    const from = Math.ceil((n * SLOTS) / 3);
    const to = Math.ceil(((n + 1) * SLOTS) / 3);
    await client.cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, i) => from + i));
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1));
  }));
  for (const { port } of nodes.slice(1)) await clients[0]!.call('CLUSTER', 'MEET', '127.0.0.1', String(port));
  const isWhole = async (): Promise<true | null> => {
    const infos = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')));
    return infos.every((info) => /cluster_state:ok/.test(String(info)) && /cluster_known_nodes:3/.test(String(info))) ? true : null;
  };
  const whole = await pollUntil(isWhole, Deadline.in(READY_WITHIN_MS));
  clients.forEach((client) => client.disconnect());
  if (!whole) throw new Error('the Redis Cluster of the tests did not come together');
  const ports = nodes.map(({ port }) => port);
  return { url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`, ports, stop: () => servers.stopAll() };
}
