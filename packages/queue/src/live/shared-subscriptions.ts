import { messageOf, type Logger } from '@bullpen/core';
import type { Relay, RelayMessage, RelaySubscription } from 'bullmq';

/** Called with what was published, and on which topic. */
export type LiveListener = (data: unknown, topic: string) => void;

interface SharedSubscription {
  readonly listeners: Set<{ readonly call: LiveListener }>;
  readonly subscribed: Promise<RelaySubscription>;
}

/** Counts who listens to a pattern, so that many listeners in one process are one subscription of the server. */
export class SharedSubscriptions {
  readonly #relay: Relay;
  readonly #log: Logger;
  readonly #shared = new Map<string, SharedSubscription>();

  constructor(relay: Relay, log: Logger) {
    this.#relay = relay;
    this.#log = log;
  }

  /** @returns what removes the listener; the last one to leave ends the subscription. */
  async add(pattern: string, call: LiveListener): Promise<() => Promise<void>> {
    const shared = this.#shared.get(pattern) ?? this.#subscribe(pattern);
    const listener = { call };
    shared.listeners.add(listener);
    try {
      await shared.subscribed;
    } catch (thrown) {
      this.#forget(pattern, shared);
      throw thrown;
    }
    return async () => {
      if (!shared.listeners.delete(listener) || shared.listeners.size > 0) return;
      this.#forget(pattern, shared);
      await this.#unsubscribe(pattern, shared);
    };
  }

  #subscribe(pattern: string): SharedSubscription {
    const listeners: SharedSubscription['listeners'] = new Set();
    const subscribed = this.#relay.subscribe(pattern, (message) => this.#deliver(listeners, message));
    const shared = { listeners, subscribed };
    this.#shared.set(pattern, shared);
    return shared;
  }

  /** A listener that comes from now on makes a subscription of its own. */
  #forget(pattern: string, shared: SharedSubscription): void {
    if (this.#shared.get(pattern) === shared) this.#shared.delete(pattern);
  }

  async #unsubscribe(pattern: string, shared: SharedSubscription): Promise<void> {
    try {
      const subscription = await shared.subscribed;
      await subscription.unsubscribe();
    } catch (thrown) {
      // The relay removes it with its next heartbeat, and nobody is called any more.
      this.#log.warn({ pattern, error: messageOf(thrown) }, 'live.unsubscribe_failed');
    }
  }

  #deliver(listeners: SharedSubscription['listeners'], message: RelayMessage): void {
    for (const listener of listeners) {
      try {
        listener.call(message.data, message.topic);
      } catch (thrown) {
        this.#log.error({ topic: message.topic, error: messageOf(thrown) }, 'live.listener_failed');
      }
    }
  }
}
