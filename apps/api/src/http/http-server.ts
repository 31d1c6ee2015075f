import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Deadline, Service } from '@bullpen/core';

/**
 * The listening socket. `quiesce` takes no new connections and tells those that wait (SSE, `?wait=`) to end; `stop` lets
 * requests under way finish until the deadline, then closes what is left.
 */
export class HttpServer implements Service {
  readonly #options: { host: string; port: number; closing: AbortController; app: () => RequestListener };
  #server: Server | null = null;
  #closed: Promise<void> = Promise.resolve();

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
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#options.port, this.#options.host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
  }

  async quiesce(): Promise<void> {
    const server = this.#server;
    if (server === null || !server.listening) return;
    this.#closed = new Promise((resolve) => server.close(() => resolve()));
    this.#options.closing.abort();
    server.closeIdleConnections();
  }

  async stop(by: Deadline): Promise<void> {
    await this.quiesce();
    const server = this.#server;
    const cut = setTimeout(() => server?.closeAllConnections(), by.remainingMs);
    // Keep-alive connections become idle one by one, as their last answers go out.
    const sweep = setInterval(() => server?.closeIdleConnections(), 20);
    await this.#closed;
    clearInterval(sweep);
    clearTimeout(cut);
    this.#server = null;
  }
}
