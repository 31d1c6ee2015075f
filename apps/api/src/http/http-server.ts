import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import type { Deadline, Service } from '@bullpen/core';

/**
 * The listening socket. `quiesce` takes no new connections and tells those that wait (SSE, `?wait=`) to end; `stop` lets
 * requests under way finish until the deadline, then closes what is left.
 */
export class HttpServer implements Service {
  readonly #options: { host: string; port: number; closing: AbortController; app: () => RequestListener };
  #server: Server | null = null;
  #closed: Promise<void> = Promise.resolve();
  /** Open connections, each with the number of its requests under way. */
  readonly #connections = new Map<Socket, number>();
  #closing = false;

  constructor(options: { host: string; port: number; closing: AbortController; app: () => RequestListener }) {
    this.#options = options;
  }

  /** Where it listens, once started. */
  url(): string {
    const { host } = this.#options;
    const { port } = this.#server?.address() as AddressInfo;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async start(): Promise<void> {
    const server = createServer({ requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: 65_000 }, this.#options.app());
    this.#count(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.port, this.#options.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
    this.#closing = false;
  }

  async quiesce(): Promise<void> {
    const server = this.#server;
    if (server === null || !server.listening) return;
    this.#closed = new Promise((resolve) => server.close(() => resolve()));
    this.#closing = true;
    this.#options.closing.abort();
    for (const [socket, requests] of this.#connections) if (requests === 0) socket.destroy();
  }

  async stop(by: Deadline): Promise<void> {
    await this.quiesce();
    const server = this.#server;
    const cut = setTimeout(() => server?.closeAllConnections(), by.remainingMs);
    await this.#closed;
    clearTimeout(cut);
    this.#server = null;
  }
  /**
   * Node's own `closeIdleConnections` leaves connections open that never sent a request, as browsers and fetch open them
   * ahead; so this server knows by itself which are idle.
   */
  #count(server: Server): void {
    server.on('connection', (socket) => {
      this.#connections.set(socket, 0);
      socket.once('close', () => this.#connections.delete(socket));
    });
    server.on('request', ({ socket }, response) => {
      this.#connections.set(socket, (this.#connections.get(socket) ?? 0) + 1);
      response.once('close', () => {
        const left = (this.#connections.get(socket) ?? 1) - 1;
        if (this.#connections.has(socket)) this.#connections.set(socket, left);
        if (this.#closing && left === 0) socket.end();
      });
    });
  }
}
