import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A TCP proxy in front of Postgres that goes down on request. */
export interface PostgresProxy extends AsyncDisposable {
  /** The database's address through the proxy. */
  url: string;
  /** Refuses connections and cuts those there are. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /**
   * From now on what clients send reaches Postgres, and the connection is cut when Postgres answers: applied, but
   * unheard. Resolves when that has happened once; then the proxy is as before.
   */
  loseNextAnswer(): Promise<void>;
}

export async function createPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let loseAnswer: (() => void) | null = null;

  function accept(client: Socket): void {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      if (loseAnswer !== null && holdsCommandComplete(chunk)) {
        loseAnswer();
        loseAnswer = null;
        client.destroy();
      } else client.write(chunk);
    });
  }

  let server = await listen(0, accept);
  const { port } = server.address() as AddressInfo;
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);

  async function cut(): Promise<void> {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  return {
    url: url.href,
    cut,
    async restore() { server = await listen(port, accept); },
    loseNextAnswer: () => new Promise<void>((resolve) => { loseAnswer = resolve; }),
    async [Symbol.asyncDispose]() { if (server.listening) await cut(); },
  };
}

async function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  const server = createServer(accept);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** CommandComplete (`C`) of an INSERT, UPDATE or SELECT that wrote: the statement is over and committed when ReadyForQuery follows. */
function holdsCommandComplete(chunk: Buffer): boolean {
  const text = chunk.toString('latin1');
  return /C\0\0\0.(INSERT|UPDATE|SELECT) [\d ]+\0Z/s.test(text);
}
