import { monitorEventLoopDelay } from 'node:perf_hooks';

import { composeServices, isFailure, type Clock, type ContainerDeath, type ContainerSnapshot, type FinishedRun, type Logger, type OrganizationRuntimeSnapshot, type Service } from '@bullpen/core';
import type { RuntimeSample } from '@bullpen/db';
import type { MetricsCollector } from '@bullpen/metrics';
import type { AgentRuntimeManager } from '@bullpen/runtime';

import type { ActiveRuns } from './active-runs.ts';
import { periodic } from './periodic.ts';

export interface RuntimeSamplerDeps {
  workerId: string;
  slots: number;
  everyMs: number;
  runtime: AgentRuntimeManager;
  active: ActiveRuns;
  metrics: Pick<MetricsCollector, 'sample'>;
  clock: Clock;
  log: Logger;
}

/** Deaths that nobody wanted. */
const FAULTS: readonly ContainerDeath[] = ['timed_out', 'out_of_memory', 'exited', 'crashed'];

/** Hands the collector what this worker, its organizations and its containers hold, every few seconds; counts what this worker finished. */
export class RuntimeSampler {
  readonly service: Service;
  readonly #deps: RuntimeSamplerDeps;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });
  #runs = 0;
  #failures = 0;

  constructor(deps: RuntimeSamplerDeps) {
    this.#deps = deps;
    const delay: Service = {
      start: async () => { this.#delay.enable(); },
      quiesce: async () => undefined,
      stop: async () => {
        this.#delay.disable();
        // No slots is a goodbye: nobody will miss its heartbeats.
        deps.metrics.sample(this.read().slice(0, 1).map((sample) => ({ ...sample, slots: 0 })));
      },
    };
    this.service = composeServices([delay, periodic('runtime-samples', deps.everyMs, deps.log, async () => {
      deps.metrics.sample(this.read());
      this.#delay.reset();
    })]);
  }

  count({ state }: FinishedRun): void {
    this.#runs += 1;
    if (isFailure(state)) this.#failures += 1;
  }

  read(): RuntimeSample[] {
    const { workerId, clock, runtime } = this.#deps;
    const of = { atMs: clock.nowMs(), workerId };
    return [this.#workerSample(of), ...runtime.snapshot().flatMap((organization) => [
      organizationSample(of, organization), ...organization.containers.map((container) => containerSample(of, container)),
    ])];
  }

  #workerSample(of: Pick<RuntimeSample, 'atMs' | 'workerId'>): RuntimeSample {
    const { workerId, active, slots } = this.#deps;
    const { user, system } = process.cpuUsage();
    return {
      ...of, ...NOTHING, subject: 'worker', subjectId: workerId, running: active.size, slots, usedMb: process.memoryUsage.rss() / 2 ** 20,
      cpuMs: (user + system) / 1000, eventLoopDelayMs: Math.round(this.#delay.percentile(99) / 1e4) / 100, runs: this.#runs, failures: this.#failures,
    };
  }
}

const NOTHING = {
  orgId: null, running: null, slots: null, limitMb: null, usedMb: null, cpuMs: null, eventLoopDelayMs: null, runs: null, failures: null, deaths: null,
} satisfies Partial<RuntimeSample>;

function organizationSample(of: Pick<RuntimeSample, 'atMs' | 'workerId'>, { orgId, poolMb, reservedMb, containers, deaths }: OrganizationRuntimeSnapshot): RuntimeSample {
  return {
    ...of, ...NOTHING, subject: 'organization', subjectId: orgId, orgId, limitMb: poolMb, usedMb: reservedMb,
    running: containers.filter(({ state }) => state === 'busy').length,
    deaths: FAULTS.reduce((sum, death) => sum + (deaths[death] ?? 0), 0),
  };
}

function containerSample(of: Pick<RuntimeSample, 'atMs' | 'workerId'>, { id, orgId, state, limitMb, heapMb, externalMb, cpuMs, runs }: ContainerSnapshot): RuntimeSample {
  return {
    ...of, ...NOTHING, subject: 'container', subjectId: id, orgId, limitMb, usedMb: heapMb + externalMb, cpuMs, runs, running: state === 'busy' ? 1 : 0,
  };
}
