import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A receiver of webhooks on loopback: real HTTP, and answers that the test chooses. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export interface WebhookReceiver {
  /** @param path - requests to other paths are told apart by it */
  url(path?: string): string;
  readonly received: Received[];
  at(path: string): Received[];
  /** Given to the next requests to the path, one each; 204 afterwards. */
  answerNext(path: string, ...answers: Answer[]): void;
  /** Never answers requests to the path. */
  hold(path: string): void;
  stop(): Promise<void>;
}

/** The range that has to be opened for it. */
export const LOOPBACK_RANGE = '127.0.0.1/32';

export async function startReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answer[]>();
  const held = new Set<string>();
  const server = createServer((req, res) => {
    const path = req.url ?? '/';
    void text(req).then((body) => {
      received.push({ path, headers: req.headers, body });
      if (held.has(path)) return;
      const { status, headers = {}, body: said = '' } = answers.get(path)?.shift() ?? { status: 204 };
      res.writeHead(status, headers).end(said);
    }, () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (path = '/hook') => `http://127.0.0.1:${port}${path}`,
    received,
    at: (path) => received.filter((one) => one.path === path),
    answerNext(path, ...more) { answers.set(path, [...(answers.get(path) ?? []), ...more]); },
    hold(path) { held.add(path); },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}
