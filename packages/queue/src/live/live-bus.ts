import { BullpenError, Deadline, messageOf, systemClock, type Logger, type Service } from '@bullpen/core';

import { backendOf } from '../queue-url.ts';
import { connect, createMainClient, quit } from '../redis/connections.ts';
import { DEFAULT_PREFIX } from '../redis/keys.ts';
import { isUnavailable, retryWhileUnavailable, unavailable, within } from '../unavailable.ts';
import type { LiveListener, LiveTransport } from './live-transport.ts';
import { openRedisLiveTransport } from './redis-live-transport.ts';
import { openRelayTransport } from './relay-transport.ts';
import { SharedSubscriptions } from './shared-subscriptions.ts';

/**
 * Messages between the processes of one installation, as they happen: what runs say, cancels, heartbeats. Hints only:
 * a message may be lost (a connection that was away, a reader that is slow, a restart of the server), and what must survive is in Postgres.
 */
export interface LiveBus extends Service {
  /** Sends any JSON value of at most 256 KiB. What cannot be sent is logged and dropped; never rejects. */
  publish(topic: string, data: unknown): Promise<void>;
  /**
   * Hears what is published on `pattern` from now on (`*` stands for one word), from this process as well.
   * @returns what ends it
   * @throws BullpenError SERVICE_UNAVAILABLE, SHUTTING_DOWN
   */
  subscribe(pattern: string, listener: LiveListener): Promise<() => Promise<void>>;
}

export interface LiveBusOptions {
  /** redis://, rediss://, postgres:// or postgresql://. A Postgres needs `migrateQueue` first. */
  url: string;
  /** Separates installations that share a server; `bullpen` by default. */
  prefix?: string;
  /** Shown in the server's list of connections. */
  name: string;
  log: Logger;
}

const START_WITHIN_MS = 10_000;
/** For what a failed start leaves. */
const STOP_WITHIN_MS = 2000;

/** A live bus with connections of its own. A process that has a queue makes one over the queue's: `RunQueue.createLiveBus`. */
export function createLiveBus(options: LiveBusOptions): LiveBus {
  const { url, prefix = DEFAULT_PREFIX, name, log } = options;
  const open = () => (backendOf(url) === 'redis' ? openOwn({ url, prefix, name, log }) : Promise.resolve(openRelayTransport({ url, prefix, name, log })));
  return new TransportedLiveBus({ open, log });
}

async function openOwn(options: Required<LiveBusOptions>): Promise<LiveTransport> {
  const { url, prefix, name, log } = options;
  const client = createMainClient({ url, connectionName: `${prefix}:told:${name}`, log });
  await connect(client);
  const transport = openRedisLiveTransport({ ...options, client });
  return {
    ...transport,
    async close(by) {
      await transport.close(by);
      await quit(client, by.remainingMs);
    },
  };
}

/**
 * Subscriptions to one pattern share one subscription of the server, and outlive reconnects. After stop no connection
 * of it is left and no listener is called.
 */
export class TransportedLiveBus implements LiveBus {
  readonly #deps: { open: () => Promise<LiveTransport>; log: Logger };
  #starting: Promise<void> | null = null;
  #transport: LiveTransport | null = null;
  #subscriptions: SharedSubscriptions | null = null;
  #isStopped = false;

  constructor(deps: { open: () => Promise<LiveTransport>; log: Logger }) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    this.#starting ??= this.#open().catch((thrown: unknown) => {
      this.#starting = null;
      throw thrown;
    });
    await this.#starting;
  }

  async quiesce(): Promise<void> {
    // Nothing to take no more of: the last words of runs go out until stop.
  }

  async stop(by: Deadline): Promise<void> {
    this.#isStopped = true;
    await this.#starting?.catch(() => undefined);
    const transport = this.#transport;
    this.#transport = null;
    this.#subscriptions = null;
    this.#starting = null;
    await transport?.close(by);
  }

  async publish(topic: string, data: unknown): Promise<void> {
    try {
      await this.#use().publish(topic, data);
    } catch (thrown) {
      this.#deps.log.warn({ topic, error: messageOf(thrown) }, 'live.publish_failed');
    }
  }

  async subscribe(pattern: string, listener: LiveListener): Promise<() => Promise<void>> {
    this.#use();
    const subscriptions = this.#subscriptions!;
    return retryWhileUnavailable(systemClock, 'subscribe', () => subscriptions.add(pattern, listener));
  }

  async #open(): Promise<void> {
    this.#isStopped = false;
    const transport = await this.#deps.open();
    try {
      await within(START_WITHIN_MS, 'start', () => transport.ready());
    } catch (thrown) {
      await transport.close(Deadline.in(STOP_WITHIN_MS));
      throw isUnavailable(thrown) ? unavailable('start', thrown) : thrown;
    }
    this.#transport = transport;
    this.#subscriptions = new SharedSubscriptions(transport, this.#deps.log);
  }

  #use(): LiveTransport {
    if (this.#transport) return this.#transport;
    const code = this.#isStopped ? 'SHUTTING_DOWN' : 'SERVICE_UNAVAILABLE';
    throw new BullpenError(code, `the live bus is ${this.#isStopped ? 'stopped' : 'not started'}`);
  }
}
