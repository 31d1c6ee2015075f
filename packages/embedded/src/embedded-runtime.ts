import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  BullpenError, DEFAULT_ORGANIZATION_LIMITS, DEFAULT_ORGANIZATION_RETENTION, DEFAULT_POOL_MB, agentManifestSchema, defined, parseOrThrow, silentLogger,
  type AgentManifestInput, type AttemptOutcome, type Deadline, type Logger, type Organization, type Service, type Tier,
} from '@bullpen/core';
import { createSchemaChecker } from '@bullpen/json-schema';
import { createAgentRuntimeManager, type AgentRuntimeManager, type EgressOptions } from '@bullpen/runtime';
import { runLocally, type BackendCall, type LocalAttempt, type LocalRun, type LocalSink, type ReadAgent, type RuntimeBackend } from '@bullpen/sdk/integration';

import { Admissions } from './admissions.ts';
import { EmbeddedAgents, type EmbeddedAgent, type KnownVersion } from './embedded-agents.ts';
import { memoryServices } from './memory-services.ts';
import { OncePerKey } from './once-per-key.ts';

export type { EmbeddedAgent } from './embedded-agents.ts';

export interface EmbeddedRuntimeOptions {
  /** By name: what a call that names an agent executes. More come with `deploy`. */
  readonly agents?: Readonly<Record<string, EmbeddedAgent>>;
  /** Tiers to build; all of them where left out. One that this machine cannot build is refused with TIER_UNAVAILABLE. */
  readonly tiers?: readonly Tier[];
  /** Attempts at once; 4 where left out. */
  readonly slots?: number;
  /** Container memory that one organization may hold at once; 1024 where left out. */
  readonly poolMb?: number;
  /** Runs that may wait for room; beyond it a run is refused with MEMORY_POOL_EXHAUSTED. 1000 where left out. */
  readonly mostWaiting?: number;
  /** What `ctx.secrets` and the headers of egress rules are made of; null where there is none. */
  readonly readSecret?: (orgId: string, name: string) => string | null | Promise<string | null>;
  /** For bundles; a temporary folder, removed at the end, where left out. */
  readonly cacheDir?: string;
  readonly egress?: EgressOptions;
  readonly log?: Logger;
}

/** A backend of `RuntimeIntegratedExecutionEngine` that is started and stopped like any service. */
export interface EmbeddedRuntime extends RuntimeBackend, Service {
  /** Makes another version of an agent; the one that runs take from now on. @returns its number */
  deploy(name: string, agent: EmbeddedAgent): number;
}

/** Where a call names no organization. */
const DEFAULT_ORG_ID = 'embedded';

/**
 * The runtime of a worker in this very process: the same containers, walls, limits and `ctx`, without a queue and without a
 * record. A run is known to whoever waits for it and to nobody else: what is under way when the process ends is lost, and
 * `ctx.kv` lasts as long as the process does.
 */
export function createEmbeddedRuntime(options: EmbeddedRuntimeOptions = {}): EmbeddedRuntime {
  return new Embedded(options);
}

class Embedded implements EmbeddedRuntime {
  readonly #options: EmbeddedRuntimeOptions;
  readonly #agents = new EmbeddedAgents();
  readonly #once = new OncePerKey<LocalRun>();
  readonly #checker = createSchemaChecker();
  #manager: AgentRuntimeManager | null = null;
  #admissions: Admissions | null = null;
  #ownDir: string | null = null;

  constructor(options: EmbeddedRuntimeOptions) {
    this.#options = options;
    for (const [name, agent] of Object.entries(options.agents ?? {})) this.deploy(name, agent);
  }

  deploy(name: string, { module, manifest = {} }: EmbeddedAgent): number {
    return this.#agents.add(name, module, parseOrThrow(agentManifestSchema, manifest, 'manifest')).version;
  }

  async start(): Promise<void> {
    if (this.#manager !== null) return;
    const { tiers, slots = 4, poolMb = DEFAULT_POOL_MB, log = silentLogger, egress, cacheDir, readSecret = () => null } = this.#options;
    this.#ownDir = cacheDir === undefined ? await mkdtemp(join(tmpdir(), 'bullpen-embedded-')) : null;
    const manager = createAgentRuntimeManager({
      bundles: { load: async (_orgId, sha256) => this.#agents.module(sha256) },
      bundleCacheDir: cacheDir ?? (this.#ownDir as string),
      log, slots, poolMbOf: () => poolMb, services: memoryServices(readSecret), ...defined({ tiers, egress }),
    });
    await this.#checker.start();
    await manager.start();
    this.#admissions = new Admissions(manager, this.#options.mostWaiting ?? 1000);
    this.#manager = manager;
  }

  async quiesce(): Promise<void> {
    await this.#manager?.quiesce();
  }

  async stop(by: Deadline): Promise<void> {
    const manager = this.#manager;
    this.#manager = this.#admissions = null;
    await manager?.stop(by);
    await this.#checker.stop(by);
    if (this.#ownDir !== null) await rm(this.#ownDir, { recursive: true, force: true });
    this.#ownDir = null;
  }

  async execute(agent: ReadAgent, call: BackendCall): Promise<LocalRun> {
    const { idempotencyKey, orgId = DEFAULT_ORG_ID, request } = call;
    if (idempotencyKey === undefined) return this.#run(agent, call);
    return this.#once.run(`${orgId}/${idempotencyKey}`, JSON.stringify([agent, request]), () => this.#run(agent, call));
  }

  async #run(agent: ReadAgent, { orgId = DEFAULT_ORG_ID, request, signal, onEvent }: BackendCall): Promise<LocalRun> {
    if (this.#manager === null) throw new BullpenError('SHUTTING_DOWN', 'the embedded runtime is not running: call start() first');
    signal?.throwIfAborted();
    const known = this.#agents.find(agent);
    const deps = {
      organization: this.#organization(orgId),
      execute: (attempt: LocalAttempt, sink: LocalSink, cancel: AbortSignal) => this.#attempt(known, attempt, sink, cancel),
      checker: { check: async (schema: object, value: unknown) => {
        const verdict = await this.#checker.check(schema, JSON.stringify(value));
        return verdict.valid ? [] : verdict.issues;
      } },
      pause,
    };
    const run = await runLocally(deps, { name: known.name, version: known.version, manifest: known.manifest as AgentManifestInput }, { ...request, agent: known.name }, { signal, onEvent });
    signal?.throwIfAborted();
    return run;
  }

  async #attempt({ sha256 }: KnownVersion, { plan, manifest, attempt }: LocalAttempt, sink: LocalSink, signal: AbortSignal): Promise<AttemptOutcome> {
    const [manager, admissions] = [this.#manager, this.#admissions];
    if (manager === null || admissions === null) return interrupted('shutdown');
    const admission = await admissions.next(plan.orgId, plan.memoryMb, signal);
    if (admission === null) return interrupted('cancelled');
    const { id: runId, orgId, agent, version, maxAttempts, tier, inputJson, timeoutMs, memoryMb, limits, metadata } = plan;
    const asked = {
      orgId, runId, attempt, maxAttempts, agent, version, sha256, tier, inputJson, timeoutMs, memoryMb, limits, metadata,
      secrets: manifest.secrets ?? [], ...defined({ egress: manifest.egress }),
    };
    const interrupt = new AbortController();
    const cancel = (): void => interrupt.abort('cancelled');
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      return await manager.execute(admission, asked, sink, interrupt.signal);
    } finally {
      signal.removeEventListener('abort', cancel);
      admissions.admitWaiting();
    }
  }

  #organization(id: string): Organization {
    const { poolMb = DEFAULT_POOL_MB } = this.#options;
    return {
      id, name: id, poolMb, maxMemoryMb: poolMb, minimumTier: 'basic', caps: {}, limits: DEFAULT_ORGANIZATION_LIMITS,
      retention: DEFAULT_ORGANIZATION_RETENTION, createdAt: new Date().toISOString(),
    };
  }
}

const NO_USAGE = { wallMs: 0, cpuMs: 0, peakHeapMb: 0, peakExternalMb: 0, gbSeconds: 0 };

function interrupted(reason: 'cancelled' | 'shutdown'): AttemptOutcome {
  return { kind: 'interrupted', reason, usage: NO_USAGE };
}

/** Rejects when it is called off. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
