import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

import { TEST_CERTIFICATE, TEST_KEY } from './test-certificate.ts';

/** What agents connect to in tests: HTTP and HTTPS on loopback, which say what they were asked. */
export interface Upstream {
  readonly httpPort: number;
  readonly httpsPort: number;
  /** `METHOD host path`, of every request that arrived. */
  readonly heard: string[];
  stop(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  const heard: string[] = [];
  const answer: RequestListener = (req, res) => {
    heard.push(`${req.method} ${req.headers.host?.split(':')[0]} ${req.url}`);
    void respond(req, res, heard);
  };
  const servers = [createHttpServer(answer), createHttpsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, answer)];
  const ports = await Promise.all(servers.map(async (server) => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }));
  return {
    httpPort: ports[0] ?? 0,
    httpsPort: ports[1] ?? 0,
    heard,
    async stop() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
    },
  };
}

async function respond(req: IncomingMessage, res: ServerResponse, heard: readonly string[]): Promise<void> {
  const url = new URL(req.url ?? '/', 'http://upstream.test');
  const parameter = (name: string) => url.searchParams.get(name) ?? '';
  switch (url.pathname) {
    case '/echo': {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      res.setHeader('content-type', 'application/json').appendHeader('set-cookie', 'a=1').appendHeader('set-cookie', 'b=2');
      res.end(JSON.stringify({ method: req.method, headers: req.headers, body: Buffer.concat(chunks).toString() }));
      break;
    }
    case '/redirect':
      res.writeHead(Number(parameter('status') || 302), { location: parameter('to') }).end();
      break;
    case '/bytes':
      res.end(Buffer.alloc(Number(parameter('n')), 'x'));
      break;
    case '/gzip':
      res.setHeader('content-encoding', 'gzip').end(gzipSync('plain text '.repeat(10_000)));
      break;
    case '/heard':
      res.end(JSON.stringify(heard));
      break;
    case '/silent': // never answers
      break;
    case '/half':
      res.writeHead(200, { 'content-length': '1000' }).write('the first half');
      break;
    case '/cut':
      res.writeHead(200, { 'content-length': '1000' }).write('cut off', () => res.destroy());
      break;
    default:
      res.writeHead(404).end('nothing here');
  }
}
