import { cancelMessageSchema, type Deadline, type Logger, type Service } from '@bullpen/core';
import { adminListCancelRequested, type Database } from '@bullpen/db';
import { cancelTopic, type LiveBus } from '@bullpen/queue';

import type { ActiveRuns } from './active-runs.ts';
import { periodic } from './periodic.ts';

/**
 * Interrupts runs that a caller cancelled: at once by a message on the live bus, and, since a message may be missed, at
 * the latest within `pollMs` by asking Postgres for cancels of runs that this worker holds.
 */
export function createCancelListener(deps: { workerId: string; bus: LiveBus; db: Database; active: ActiveRuns; log: Logger; pollMs: number }): Service {
  const { workerId, bus, db, active, log } = deps;
  let unsubscribe: (() => Promise<void>) | null = null;

  const poll = periodic('cancel-poll', deps.pollMs, log, async () => {
    if (active.size === 0) return;
    for (const { orgId, runId } of await adminListCancelRequested(db, workerId)) active.interrupt(orgId, runId, 'cancelled');
  });

  return {
    async start() {
      unsubscribe = await bus.subscribe(cancelTopic(workerId), (data) => {
        const message = cancelMessageSchema.safeParse(data);
        if (!message.success) return;
        const held = active.interrupt(message.data.orgId, message.data.runId, 'cancelled');
        log.info({ ...message.data, held }, 'run.cancel_received');
      });
      await poll.start();
    },
    async quiesce() {},
    async stop(by: Deadline) {
      await poll.stop(by);
      await unsubscribe?.();
      unsubscribe = null;
    },
  };
}
