import { BullpenError, Deadline, messageOf, systemClock, type Logger, type Service } from '@bullpen/core';

import { DEFAULT_PREFIX } from '../redis/keys.ts';
import { isUnavailable, retryWhileUnavailable, unavailable, within } from '../unavailable.ts';
import { openRelay, type RelayConnection } from './relay-connection.ts';
import { SharedSubscriptions, type LiveListener } from './shared-subscriptions.ts';

/**
 * Messages between the processes of one installation, as they happen: what runs say, cancels, heartbeats. Hints only:
 * a message may be lost (a full inbox, a restart of the server), and what must survive is in Postgres.
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

/** A live bus over BullMQ's Relay, whose interface is experimental: nothing else in Bullpen touches it. */
export function createLiveBus(options: LiveBusOptions): LiveBus {
  const { prefix = DEFAULT_PREFIX, ...rest } = options;
  return new RelayLiveBus({ open: () => openRelay({ ...rest, prefix }), log: options.log });
}

/**
 * Subscriptions to one pattern share one subscription of the server, and outlive reconnects. After stop no connection
 * of it is left and no listener is called.
 */
export class RelayLiveBus implements LiveBus {
  readonly #deps: { open: () => Promise<RelayConnection>; log: Logger };
  #starting: Promise<void> | null = null;
  #connection: RelayConnection | null = null;
  #subscriptions: SharedSubscriptions | null = null;
  #isStopped = false;

  constructor(deps: { open: () => Promise<RelayConnection>; log: Logger }) {
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
    const connection = this.#connection;
    this.#connection = null;
    this.#subscriptions = null;
    this.#starting = null;
    await connection?.close(by);
  }

  async publish(topic: string, data: unknown): Promise<void> {
    try {
      await this.#use().relay.publish(topic, data);
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
    const connection = await this.#deps.open();
    const { log } = this.#deps;
    connection.relay.on('error', (error) => log.warn({ error: messageOf(error) }, 'live.relay_error'));
    connection.relay.on('lag', (unread: number) => log.warn({ unread }, 'live.lag'));
    try {
      await within(START_WITHIN_MS, 'start', () => connection.relay.waitUntilReady());
    } catch (thrown) {
      await connection.close(Deadline.in(STOP_WITHIN_MS));
      throw isUnavailable(thrown) ? unavailable('start', thrown) : thrown;
    }
    this.#connection = connection;
    this.#subscriptions = new SharedSubscriptions(connection.relay, log);
  }

  #use(): RelayConnection {
    if (this.#connection) return this.#connection;
    const code = this.#isStopped ? 'SHUTTING_DOWN' : 'SERVICE_UNAVAILABLE';
    throw new BullpenError(code, `the live bus is ${this.#isStopped ? 'stopped' : 'not started'}`);
  }
}
