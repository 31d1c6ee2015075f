import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { messageOf, type Deadline, type Logger, type Service } from '@bullpen/core';
import type { PrometheusPage } from '@bullpen/metrics';

/**
 * `/metrics` and `/healthz` of a worker. Where the port is taken, by another worker of this machine, say, any free one is used
 * and said: a worker runs without being scraped, not the other way round.
 */
export class ProbeServer implements Service {
  readonly #deps: { host: string; port: number; page: PrometheusPage; log: Logger };
  #server: Server | null = null;

  constructor(deps: { host: string; port: number; page: PrometheusPage; log: Logger }) {
    this.#deps = deps;
  }

  /** Null before the start. */
  url(): string | null {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    return address == null ? null : `http://${this.#deps.host}:${address.port}`;
  }

  async start(): Promise<void> {
    const { host, port, log } = this.#deps;
    this.#server = await this.#listen(port).catch((error: unknown) => {
      log.warn({ host, port, reason: messageOf(error) }, 'probes.port_taken');
      return this.#listen(0);
    });
    log.info({ url: this.url() }, 'probes.listening');
  }

  async quiesce(): Promise<void> {}

  async stop(_by: Deadline): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => { if (server === null) resolve(); else server.close(() => resolve()); });
  }

  #listen(port: number): Promise<Server> {
    const server = createServer((req, res) => { void this.#answer(req, res); });
    return new Promise((resolve, reject) => {
      server.once('error', reject).listen(port, this.#deps.host, () => resolve(server));
    });
  }

  async #answer({ method, url }: IncomingMessage, res: ServerResponse): Promise<void> {
    try {
      if (method === 'GET' && url === '/healthz') res.setHeader('Content-Type', 'application/json').end('{"status":"alive"}');
      else if (method === 'GET' && url === '/metrics') res.setHeader('Content-Type', this.#deps.page.contentType).end(await this.#deps.page.render());
      else res.writeHead(404).end();
    } catch (error) {
      this.#deps.log.warn({ reason: messageOf(error) }, 'probes.failed');
      res.writeHead(500).end();
    }
  }
}
