import { messageOf, type Deadline, type Logger } from '@bullpen/core';
import { Worker } from 'node:worker_threads';

import { within } from '../unavailable.ts';
import type { LeaseAddress } from './lease-connection.ts';
import type { LeaseThread } from './lease-keeper.ts';
import type { LeaseNews } from './lease-renewal.ts';

/** What the lease thread is started with. */
export interface LeaseThreadSettings {
  readonly at: LeaseAddress;
  readonly leaseMs: number;
  readonly renewMs: number;
  readonly memory: readonly SharedArrayBuffer[];
}

/** What the main thread tells the lease thread. */
export type LeaseOrder = { kind: 'add'; memory: SharedArrayBuffer } | { kind: 'stop' };

const RESTART_AFTER_MS = 100;

/** Starts the thread that renews leases, and again whenever it ends unasked: the leases are in memory that outlives it. */
export function startLeaseThread(settings: LeaseThreadSettings, log: Logger, hear: (news: LeaseNews) => void): LeaseThread {
  const memory = [...settings.memory];
  let isStopping = false;
  let exited = Promise.resolve();
  let restart: NodeJS.Timeout | undefined;

  const spawn = (): Worker => {
    const workerData: LeaseThreadSettings = { ...settings, memory };
    const thread = new Worker(new URL('./lease-thread.ts', import.meta.url), { name: 'leases', env: {}, execArgv: [], workerData });
    thread.unref();
    thread.on('message', hear);
    thread.on('error', (error) => log.error({ error: messageOf(error) }, 'queue.lease_thread_failed'));
    exited = new Promise((resolve) => {
      thread.once('exit', () => {
        resolve();
        if (isStopping) return;
        restart = setTimeout(() => { worker = spawn(); }, RESTART_AFTER_MS);
        restart.unref();
      });
    });
    return thread;
  };
  let worker = spawn();
  const tell = (order: LeaseOrder): void => worker.postMessage(order);
  return {
    add(more) {
      memory.push(more);
      tell({ kind: 'add', memory: more });
    },
    async stop(by: Deadline) {
      isStopping = true;
      clearTimeout(restart);
      worker.ref();
      tell({ kind: 'stop' });
      await within(by.remainingMs, 'stop', () => exited).catch(() => worker.terminate());
    },
  };
}
