import { connect, type Socket } from 'node:net';

/** What came of a load: how many requests a second, and how long each took. */
export interface LoadResult {
  perSecond: number;
  tookMs: number[];
}

/**
 * Sends `count` POSTs of one body over `connections` kept-alive connections, each one request at a time. Written on
 * sockets, so that the client takes as little as possible of the two servers' machine.
 * @throws Error where an answer is not 2xx
 */
export async function postLoad(url: string, options: { path: string; headers: Record<string, string>; body: string; count: number; connections: number }): Promise<LoadResult> {
  const { path, body, count, connections } = options;
  const { host, hostname, port } = new URL(url);
  const headers = { host, 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...options.headers };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const request = Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`);
  const tookMs: number[] = [];
  let left = count;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: connections }, async () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    try {
      while (left > 0) {
        left -= 1;
        const sentMs = performance.now();
        await exchange(socket, request);
        tookMs.push(performance.now() - sentMs);
      }
    } finally {
      socket.destroy();
    }
  }));
  return { perSecond: count / ((performance.now() - startMs) / 1000), tookMs };
}

/** One request and its whole answer, which says its length: both servers' answers do. */
function exchange(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const end = (error?: Error) => {
      socket.off('data', read).off('error', end).off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = () => end(new Error('the server closed the connection'));
    const read = (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const bodyAt = answer.indexOf('\r\n\r\n');
      if (bodyAt < 0) return;
      const length = /\r\ncontent-length: (\d+)/i.exec(answer);
      if (answer.length < bodyAt + 4 + Number(length?.[1] ?? 0)) return;
      end(/^HTTP\/1\.1 2/.test(answer) ? undefined : new Error(`answered with ${answer}`));
    };
    socket.on('data', read).on('error', end).on('close', closed);
    socket.write(request);
  });
}
