import { messageOf, type Logger } from '@bullpen/core';

import { unavailable, within } from '../unavailable.ts';
import { parseRedisUrl } from './address.ts';
import { newClient, type ClientOptions, type RedisClient } from './new-client.ts';

const CONNECT_WITHIN_MS = 10_000;
const QUIT_WITHIN_MS = 2000;
/** How long a block may outlast its own timeout before its connection counts as dead. */
const BLOCK_GRACE_MS = 2000;

interface ConnectionOptions {
  url: string;
  connectionName: string;
  log: Logger;
}

/**
 * The connection for everything that does not block. It reconnects for ever; a command that Redis could not answer
 * over a few reconnects rejects, so that callers bound their own waiting.
 */
export function createMainClient(options: ConnectionOptions): RedisClient {
  return createClient(options, { maxRetriesPerRequest: 3 });
}

/** The connection for BZPOPMIN. A pop is never sent twice: whoever waited claims first, and waits again. */
export function createBlockingClient(options: ConnectionOptions): RedisClient {
  return createClient(options, {
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    blockingTimeout: CONNECT_WITHIN_MS,
    blockingTimeoutGrace: BLOCK_GRACE_MS,
  });
}

/** @throws BullpenError SERVICE_UNAVAILABLE */
export async function connect(client: RedisClient): Promise<void> {
  try {
    await within(CONNECT_WITHIN_MS, 'connect', () => client.connect());
  } catch (thrown) {
    client.disconnect();
    throw unavailable('connect', thrown);
  }
}

/** QUIT waits for the answers that are still due; a server that is away is not waited for. */
export async function quit(client: RedisClient, timeoutMs: number): Promise<void> {
  await within(Math.min(timeoutMs, QUIT_WITHIN_MS), 'quit', () => client.quit()).catch(() => undefined);
  client.disconnect();
}

function createClient({ url, connectionName, log }: ConnectionOptions, options: ClientOptions): RedisClient {
  const client = newClient(parseRedisUrl(url), connectionName, options);
  client.on('error', (error) => log.warn({ connectionName, error: messageOf(error) }, 'queue.connection_error'));
  return client;
}
