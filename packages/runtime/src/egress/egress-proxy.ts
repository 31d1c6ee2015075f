import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, type Duplex } from 'node:stream';

import { BullpenError, ERROR_REGISTRY, errorCodeOf, messageOf } from '@bullpen/core';

import { connectionOf, counting, egressErrorOf, type EgressClient, type EgressNetwork } from './egress-client.ts';
import type { EgressSession } from './egress-session.ts';
import { pairsOf, toOutgoing } from './header-rules.ts';
import { pinAddresses } from './name-resolver.ts';

/**
 * The egress proxy as a unix socket, for agents that bring an HTTP client of their own: requests in absolute form
 * (`GET https://host/path`: the proxy speaks TLS then, and adds headers), and CONNECT tunnels. Guarantees: who has no token
 * of an attempt that runs is answered 407; every request and tunnel is checked, pinned and counted like one of `ctx.fetch`;
 * a token is worth nothing once its attempt is over.
 */
export interface Admitted {
  readonly session: EgressSession;
  readonly client: EgressClient;
}

const HEAD_TIMEOUT_MS = 10_000;
/** Connections that have not shown a token yet. All cells share the socket: one that opens many must not keep others out. */
const MAX_STRANGERS = 256;
/** As Node's own: more is no head. */
const MAX_HEAD_BYTES = 16 * 1024;
const AUTHORIZATION = /\r\nproxy-authorization:[ \t]*([^\r\n]*)/i;
export const SOCKET_NAME = 'proxy.sock';

export class EgressProxy {
  readonly #network: EgressNetwork;
  readonly #admitted = new Map<string, Admitted>();
  readonly #connections = new Set<Socket>();
  /** In the order in which they came. */
  readonly #strangers = new Set<Socket>();
  /** Whose token let a connection in. */
  readonly #holders = new WeakMap<Socket, Admitted>();
  #server: Server | null = null;
  #dir: string | null = null;

  constructor(network: EgressNetwork) {
    this.#network = network;
  }

  /** The directory of the socket, for a cell to mount; null while the proxy is closed. */
  get dir(): string | null {
    return this.#dir;
  }

  get socketPath(): string | null {
    return this.#dir === null ? null : join(this.#dir, SOCKET_NAME);
  }

  async open(): Promise<void> {
    if (this.#server !== null) return;
    const dir = mkdtempSync(join(tmpdir(), 'bullpen-egress-'));
    chmodSync(dir, 0o711);
    const server = createServer({ headersTimeout: HEAD_TIMEOUT_MS, requestTimeout: 0 }, (req, res) => void this.#forward(req, res));
    server.on('connect', (req, socket, head: Buffer) => void this.#tunnel(req, socket, head));
    const serve = server.listeners('connection')[0] as (socket: Socket) => void;
    server.removeAllListeners('connection').on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      this.#meet(socket, () => serve.call(server, socket));
      socket.on('close', () => {
        this.#connections.delete(socket);
        this.#strangers.delete(socket);
      });
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(join(dir, SOCKET_NAME), resolve);
    await promise;
    chmodSync(join(dir, SOCKET_NAME), 0o666); // cells may run as another uid; what lets somebody in is the token
    this.#server = server;
    this.#dir = dir;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#connections) socket.destroy();
    if (server !== null) await new Promise((resolve) => { server.close(resolve); });
    if (this.#dir !== null) rmSync(this.#dir, { recursive: true, force: true });
    this.#dir = null;
  }

  /** Lets the holder of the session's token in, until the session is closed. */
  admit(admitted: Admitted): void {
    const { token, signal } = admitted.session;
    this.#admitted.set(token, admitted);
    signal.addEventListener('abort', () => this.#admitted.delete(token), { once: true });
  }

  async #forward(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const gone = new AbortController();
    res.on('close', () => gone.abort());
    req.on('error', () => undefined);
    try {
      const { client } = this.#admittedBy(req);
      const url = targetOf(req.url ?? '');
      const hasBody = req.headers['content-length'] !== undefined || req.headers['transfer-encoding'] !== undefined;
      const response = await client.send({ url, method: req.method ?? 'GET', headers: pairsOf(req.rawHeaders), body: hasBody ? req : null, isForeign: true }, gone.signal);
      pipeline(response.body, res.writeHead(response.status, toOutgoing(response.headers)), () => undefined); // who asked sees that it broke off
    } catch (error) {
      this.#noteRefusal(req, error);
      refuse(res, error);
    }
  }

  async #tunnel(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => undefined);
    try {
      const { session } = this.#admittedBy(req);
      const url = authorityOf(req.url ?? '');
      session.authorize(url, null);
      const release = session.begin();
      socket.on('close', release);
      const endSpan = session.beginSpan('CONNECT', url.host);
      await this.#join(socket, head, { session, url }).catch((error: unknown) => {
        endSpan({ errorCode: errorCodeOf(error) ?? 'INTERNAL' });
        throw error;
      });
      endSpan({ status: 200 });
    } catch (error) {
      this.#noteRefusal(req, error);
      socket.end(refusalText(error));
    }
  }

  async #join(inner: Duplex, head: Buffer, { session, url }: { session: EgressSession; url: URL }): Promise<void> {
    const pinned = await pinAddresses(url.hostname.replace(/\.$/, ''), this.#network);
    const outer = connect({ ...connectionOf(url, pinned), timeout: this.#network.silenceMs, signal: session.signal });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    outer.once('connect', resolve).on('error', reject);
    outer.on('timeout', () => {
      if (outer.readableLength === 0) outer.destroy(new BullpenError('EGRESS_FAILED', `${url.host} said nothing for ${this.#network.silenceMs} ms`));
    });
    inner.on('close', () => outer.destroy());
    session.signal.addEventListener('abort', () => inner.destroy());
    await promise.catch((error: unknown) => { throw egressErrorOf(error, url, session.signal); });
    for (const end of [inner, outer]) end.setMaxListeners(20); // two pipelines, and Node's own
    inner.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.length > 0) inner.unshift(head);
    const done = () => { // either end, or a limit: both go
      inner.destroy();
      outer.destroy();
    };
    pipeline(inner, counting((bytes) => session.countOut(bytes)), outer, (error) => { if (error) done(); });
    pipeline(outer, counting((bytes) => session.countIn(bytes)), inner, done);
  }

  /**
   * Looks for a token in the first head, before Node's parser sees it: that one would take each request of a stranger who sends
   * thousands in one go. In place of the stranger that has hesitated longest, where there are too many: who means well shows its token at once.
   */
  #meet(socket: Socket, serve: () => void): void {
    const [oldest] = this.#strangers;
    if (this.#strangers.size >= MAX_STRANGERS) oldest?.destroy();
    this.#strangers.add(socket);
    const tooLate = setTimeout(() => socket.destroy(), HEAD_TIMEOUT_MS).unref();
    socket.on('error', () => undefined).on('close', () => clearTimeout(tooLate));
    let seen = Buffer.alloc(0);
    const look = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0 && seen.length <= MAX_HEAD_BYTES) return;
      socket.off('data', look).pause();
      clearTimeout(tooLate);
      const admitted = this.#admitted.get(tokenOf(AUTHORIZATION.exec(seen.toString('latin1', 0, end < 0 ? 0 : end))?.[1]));
      if (admitted === undefined) socket.end(refusalText(noToken()), () => socket.destroy());
      else this.#letIn(socket, admitted, seen, serve);
    };
    socket.on('data', look);
  }

  /** For as long as its attempt runs. */
  #letIn(socket: Socket, admitted: Admitted, seen: Buffer, serve: () => void): void {
    const { signal } = admitted.session;
    const leave = () => socket.destroy();
    this.#strangers.delete(socket);
    this.#holders.set(socket, admitted);
    signal.addEventListener('abort', leave, { once: true });
    socket.on('close', () => signal.removeEventListener('abort', leave));
    socket.unshift(seen);
    serve();
    socket.resume();
  }

  /** One that failed outside was made, and counted as a request. */
  #noteRefusal(req: IncomingMessage, error: unknown): void {
    if (errorCodeOf(error) !== 'EGRESS_FAILED') this.#holders.get(req.socket)?.session.countRefusal();
  }

  #admittedBy(req: IncomingMessage): Admitted {
    const admitted = this.#admitted.get(tokenOf(req.headers['proxy-authorization']));
    if (admitted === undefined) throw noToken();
    return admitted;
  }
}

function noToken(): BullpenError {
  return new BullpenError('UNAUTHENTICATED', 'no token of a run: ctx.egress has it');
}

/** `Bearer TOKEN`, or HTTP Basic with the token as password, which is what clients make of `http://run:TOKEN@proxy`. */
function tokenOf(header: string | undefined): string {
  const [, scheme = '', value = ''] = /^(Bearer|Basic) +(\S+)$/i.exec(header ?? '') ?? [];
  if (scheme.toLowerCase() !== 'basic') return value;
  const pair = Buffer.from(value, 'base64').toString('latin1');
  return pair.slice(pair.indexOf(':') + 1);
}

function targetOf(target: string): URL {
  const url = URL.parse(target);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '') return url;
  throw new BullpenError('INVALID_REQUEST', 'the target is not an http or https URL in absolute form');
}

/** `host:port` of CONNECT; the port has to be there. */
function authorityOf(authority: string): URL {
  const url = /^[^/?#@\s]+:\d{1,5}$/.test(authority) ? URL.parse(`https://${authority}`) : null;
  if (url === null) throw new BullpenError('INVALID_REQUEST', 'the target of CONNECT is not host:port');
  return url;
}

function refusalOf(error: unknown): { status: number; headers: Record<string, string>; body: string } {
  const code = errorCodeOf(error) ?? 'INTERNAL';
  const message = code === 'INTERNAL' ? 'a fault of Bullpen' : messageOf(error);
  const headers = { 'content-type': 'application/json', ...(code === 'UNAUTHENTICATED' ? { 'proxy-authenticate': 'Bearer realm="bullpen", Basic realm="bullpen"' } : {}) };
  return { status: code === 'UNAUTHENTICATED' ? 407 : ERROR_REGISTRY[code].status, headers, body: JSON.stringify({ code, message }) };
}

/** The same as it goes over the wire. */
function refusalText(error: unknown): string {
  const { status, headers, body } = refusalOf(error);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status} Refused\r\n${lines}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`;
}

function refuse(res: ServerResponse, error: unknown): void {
  if (res.headersSent || res.destroyed) {
    res.destroy();
    return;
  }
  const { status, headers, body } = refusalOf(error);
  res.writeHead(status, { ...headers, connection: 'close' }).end(body);
}
