import { messageOf, type Logger } from '@bullpen/core';
import pg from 'pg';

import { pause } from '../unavailable.ts';

const CHANNEL = 'bullpen_queue';
/** Longest wait without a look, in case a notification was lost. */
const POLL_MS = 1000;
/** The same while there is no connection to hear on. */
const DEAF_POLL_MS = 100;
const RECONNECT_MS = 250;

/**
 * Hears that an organization became ready (LISTEN). It reconnects for ever, on a connection of its own;
 * while it cannot hear, waits are short, so that a lost notification costs a moment and never a run.
 */
export class ReadySignal {
  readonly #config: pg.ClientConfig;
  readonly #log: Logger;
  readonly #waiting = new Set<() => void>();
  #client: pg.Client | null = null;
  #connecting: Promise<void> | null = null;
  #isClosed = false;
  #count = 0;

  constructor(config: pg.ClientConfig, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /** Notifications so far. */
  get count(): number {
    return this.#count;
  }

  /** Connects in the background; before that, `wait` polls. */
  listen(): void {
    this.#connecting ??= this.#connect();
  }

  /** Until a notification that is newer than `seen`, the timeout, or the abort. */
  async wait({ seen, timeoutMs, signal }: { seen: number; timeoutMs: number; signal: AbortSignal }): Promise<void> {
    if (this.#count !== seen || signal.aborted) return;
    const woken = new AbortController();
    const wake = (): void => woken.abort();
    this.#waiting.add(wake);
    try {
      await pause(Math.min(timeoutMs, this.#client ? POLL_MS : DEAF_POLL_MS), AbortSignal.any([signal, woken.signal]));
    } finally {
      this.#waiting.delete(wake);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connecting;
    await this.#client?.end().catch(() => undefined);
    this.#client = null;
  }

  async #connect(): Promise<void> {
    while (!this.#isClosed) {
      const client = new pg.Client(this.#config);
      client.on('notification', () => this.#hear());
      client.on('error', (error) => this.#lose(client, error));
      client.on('end', () => this.#lose(client, 'the connection ended'));
      try {
        await client.connect();
        await client.query(`LISTEN ${CHANNEL}`);
        this.#client = client;
        // Whatever became ready while nobody heard.
        this.#hear();
        return;
      } catch (thrown) {
        this.#log.warn({ error: messageOf(thrown) }, 'queue.listen_failed');
        await client.end().catch(() => undefined);
        await pause(RECONNECT_MS);
      }
    }
  }

  #hear(): void {
    this.#count += 1;
    for (const wake of this.#waiting) wake();
  }

  #lose(client: pg.Client, reason: unknown): void {
    if (this.#client !== client || this.#isClosed) return;
    this.#log.warn({ error: messageOf(reason) }, 'queue.listen_lost');
    this.#client = null;
    void client.end().catch(() => undefined);
    this.#connecting = this.#connect();
  }
}
