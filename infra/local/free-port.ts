import { createServer } from 'node:net';

import { BullpenError } from '@bullpen/core';

/** How many ports above the wanted one are tried before giving up. */
const PORTS_TRIED = 200;

/** A loopback port that nothing listens on now, picked by the kernel. Another process may still take it first: retry. */
export function freePort(host = '127.0.0.1'): Promise<number> {
  return listenOnce(0, host);
}

/**
 * The first free port from `from` upwards.
 * @throws BullpenError SERVICE_UNAVAILABLE when 200 ports in a row are taken.
 */
export async function firstFreePort(from: number, host = '127.0.0.1'): Promise<number> {
  const last = Math.min(from + PORTS_TRIED - 1, 65_535);
  for (let port = from; port <= last; port += 1) {
    try {
      return await listenOnce(port, host);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    }
  }
  throw new BullpenError('SERVICE_UNAVAILABLE', `no free port on ${host} from ${from} to ${last}`, { host, from, last });
}

function listenOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
