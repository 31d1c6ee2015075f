import { killMessageSchema, type Deadline, type Logger, type Service } from '@bullpen/core';
import { killTopic, type LiveBus } from '@bullpen/queue';
import type { AgentRuntimeManager } from '@bullpen/runtime';

import type { ActiveRuns } from './active-runs.ts';

/** Kills what an operator names: a container, or the run of one, at once and without grace. */
export function createKillListener(deps: { workerId: string; bus: LiveBus; active: ActiveRuns; runtime: AgentRuntimeManager; log: Logger }): Service {
  const { workerId, bus, active, runtime, log } = deps;
  let unsubscribe: (() => Promise<void>) | null = null;

  return {
    async start() {
      unsubscribe = await bus.subscribe(killTopic(workerId), (data) => {
        const message = killMessageSchema.safeParse(data);
        if (!message.success) return;
        const target = message.data;
        // A run that has no container yet is reached here as well.
        const held = 'runId' in target ? active.interrupt(target.orgId, target.runId, 'killed') : runtime.kill(target) !== null;
        log.warn({ ...target, held }, 'operator.kill');
      });
    },
    async quiesce() {},
    async stop(_by: Deadline) {
      await unsubscribe?.();
      unsubscribe = null;
    },
  };
}
