import { monitorEventLoopDelay } from 'node:perf_hooks';

import type { Clock, Deadline, Logger, Service, WorkerSnapshot } from '@bullpen/core';
import { heartbeatTopic, type LiveBus } from '@bullpen/queue';
import type { AgentRuntimeManager } from '@bullpen/runtime';

import type { ActiveRuns } from './active-runs.ts';
import type { FleetRecorder } from './fleet-recorder.ts';
import { periodic } from './periodic.ts';

/** Tells the live bus every `everyMs` what this worker is and holds; a worker that is not heard of counts as gone. */
export function createHeartbeat(deps: {
  workerId: string; host: string; slots: number; everyMs: number;
  bus: LiveBus; runtime: AgentRuntimeManager; active: ActiveRuns; clock: Clock; log: Logger;
  /** Writes down some of the beats. */
  fleet: FleetRecorder;
}): Service {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  const startedAt = new Date(deps.clock.nowMs()).toISOString();
  let state: WorkerSnapshot['state'] = 'running';

  const beat = async () => {
    const isolation = deps.runtime.isolation();
    const snapshot: WorkerSnapshot = {
      id: deps.workerId,
      host: deps.host,
      pid: process.pid,
      platform: `${process.platform} ${process.arch}`,
      startedAt,
      at: new Date(deps.clock.nowMs()).toISOString(),
      state,
      slots: deps.slots,
      running: deps.active.size,
      rssMb: Math.round(process.memoryUsage.rss() / 104_857.6) / 10,
      eventLoopDelayMs: Math.round(delay.percentile(99) / 1e4) / 100,
      organizations: deps.runtime.snapshot(),
      ...(isolation && { isolation }),
    };
    delay.reset();
    await deps.bus.publish(heartbeatTopic(deps.workerId), snapshot);
    await deps.fleet.record(snapshot);
  };
  const beats = periodic('heartbeat', deps.everyMs, deps.log, beat);

  return {
    async start() {
      delay.enable();
      await beat();
      await beats.start();
    },
    async quiesce() {
      state = 'quiescing';
      await beat();
    },
    async stop(by: Deadline) {
      await beats.stop(by);
      await deps.fleet.stopped();
      delay.disable();
    },
  };
}
