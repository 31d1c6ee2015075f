import { messageOf, type Logger } from '@bullpen/core';

import type { LiveListener, LiveTransport } from './live-transport.ts';

interface SharedSubscription {
  readonly listeners: Set<{ readonly call: LiveListener }>;
  /** Gives what ends it. */
  readonly subscribed: Promise<() => Promise<void>>;
}

/** Counts who listens to a pattern, so that many listeners in one process are one subscription of the server. */
export class SharedSubscriptions {
  readonly #transport: LiveTransport;
  readonly #log: Logger;
  readonly #shared = new Map<string, SharedSubscription>();

  constructor(transport: LiveTransport, log: Logger) {
    this.#transport = transport;
    this.#log = log;
  }

  /** @returns what removes the listener; the last one to leave ends the subscription. */
  async add(pattern: string, call: LiveListener): Promise<() => Promise<void>> {
    const shared = this.#shared.get(pattern) ?? this.#subscribe(pattern);
    const listener = { call };
    shared.listeners.add(listener);
    let end: () => Promise<void>;
    try {
      end = await shared.subscribed;
    } catch (thrown) {
      if (this.#shared.get(pattern) === shared) this.#shared.delete(pattern);
      throw thrown;
    }
    return async () => {
      if (shared.listeners.delete(listener) && shared.listeners.size === 0) await this.#end(pattern, end);
    };
  }

  #subscribe(pattern: string): SharedSubscription {
    const listeners: SharedSubscription['listeners'] = new Set();
    const subscribed = this.#transport.subscribe(pattern, (data, topic) => this.#deliver(listeners, data, topic));
    const shared = { listeners, subscribed };
    this.#shared.set(pattern, shared);
    return shared;
  }

  async #end(pattern: string, end: () => Promise<void>): Promise<void> {
    // In one go with the call that ends it: a listener that comes afterwards makes a subscription of its own.
    this.#shared.delete(pattern);
    try {
      await end();
    } catch (thrown) {
      // Nobody is called any more.
      this.#log.warn({ pattern, error: messageOf(thrown) }, 'live.unsubscribe_failed');
    }
  }

  #deliver(listeners: SharedSubscription['listeners'], data: unknown, topic: string): void {
    for (const listener of listeners) {
      try {
        listener.call(data, topic);
      } catch (thrown) {
        this.#log.error({ topic, error: messageOf(thrown) }, 'live.listener_failed');
      }
    }
  }
}
