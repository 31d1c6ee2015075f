import { BullpenError, isTerminal, type KillMessage, type KillOrder } from '@bullpen/core';
import { getRun, type Database } from '@bullpen/db';
import { killTopic, type LiveBus } from '@bullpen/queue';

import type { WorkerRegistry } from './worker-registry.ts';

export interface KillDeps {
  db: Database;
  bus: LiveBus;
  workers: WorkerRegistry;
}

/**
 * Tells the worker that holds a container, or executes a run, to kill it. The answer comes before the kill: what became of
 * it is the receipt on the run.
 * @throws BullpenError NOT_FOUND, RUN_ALREADY_FINISHED; INVALID_REQUEST where the run waits: there is nothing to kill
 */
export async function orderKill(deps: KillDeps, target: KillMessage): Promise<KillOrder> {
  const order = 'containerId' in target ? holderOf(deps.workers, target.containerId) : await executorOf(deps, target);
  await deps.bus.publish(killTopic(order.workerId), target);
  return order;
}

function holderOf(workers: WorkerRegistry, containerId: string): KillOrder {
  for (const worker of workers.workers()) {
    for (const { containers } of worker.organizations) {
      const held = containers.find(({ id }) => id === containerId);
      if (held !== undefined) return { workerId: worker.id, containerId, orgId: held.orgId, runId: held.runId };
    }
  }
  throw new BullpenError('NOT_FOUND', `no worker tells of a container ${containerId}`, { containerId });
}

async function executorOf({ db, workers }: KillDeps, { orgId, runId }: { orgId: string; runId: string }): Promise<KillOrder> {
  const { state, workerId } = await getRun(db, orgId, runId);
  if (isTerminal(state)) throw new BullpenError('RUN_ALREADY_FINISHED', `run ${runId} is ${state}`, { runId, state });
  if (state !== 'running' || workerId === null) throw new BullpenError('INVALID_REQUEST', `run ${runId} is ${state}: nothing executes it; cancel it`, { runId, state });
  const containers = workers.workers().flatMap(({ organizations }) => organizations.flatMap((organization) => organization.containers));
  const container = containers.find((one) => one.orgId === orgId && one.runId === runId);
  return { workerId, containerId: container?.id ?? null, orgId, runId };
}
