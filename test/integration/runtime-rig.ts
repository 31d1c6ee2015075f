import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BullpenError, Deadline, silentLogger, type AttemptOutcome, type InterruptReason, type RunEvent } from '@bullpen/core';
import { createAgentRuntimeManager, type AgentRuntimeManager, type AgentRuntimeManagerOptions, type AttemptRequest } from '@bullpen/runtime';

/** What the tests of the runtime share: a manager on a directory of its own, and bundles by their text. */

export interface Asked extends Partial<AttemptRequest> {
  readonly input?: unknown;
  readonly onStarted?: (atMs: number) => void;
  readonly onEvent?: (event: RunEvent) => void;
  /** Aborted with an `InterruptReason`. */
  readonly interrupt?: AbortController;
}

export interface Answer {
  readonly outcome: AttemptOutcome;
  readonly events: RunEvent[];
  readonly startedCount: number;
}

export interface Rig {
  readonly manager: AgentRuntimeManager;
  readonly cacheDir: string;
  /** Bundles by `ORG/SHA256`, as the source has them. */
  readonly bundles: Map<string, string>;
  /** Deploys and runs a bundle, in the first tier of the rig where none is asked for. */
  run(bundle: string, asked?: Asked): Promise<Answer>;
  stop(): Promise<void>;
}

/** An agent whose function has this body. */
export const agent = (body: string): string => `export default async (input, ctx) => { ${body} };`;

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

let runs = 0;

export async function startRig(options: Partial<AgentRuntimeManagerOptions> = {}): Promise<Rig> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'bullpen-runtime-'));
  const bundles = new Map<string, string>();
  const manager = createAgentRuntimeManager({
    bundles: { load: async (orgId, sha256) => bundles.get(`${orgId}/${sha256}`) ?? notFound(sha256) },
    bundleCacheDir: cacheDir,
    log: silentLogger,
    slots: 16,
    poolMbOf: () => 1024,
    tiers: ['basic'],
    ...options,
  });
  await manager.start();
  return {
    manager,
    cacheDir,
    bundles,
    run: (bundle, asked = {}) => runBundle(manager, bundles, bundle, { tier: options.tiers?.[0] ?? 'basic', ...asked }),
    async stop() {
      await manager.stop(Deadline.in(5000));
      await rm(cacheDir, { recursive: true, force: true });
    },
  };
}

function notFound(sha256: string): never {
  throw new BullpenError('NOT_FOUND', `no bundle ${sha256}`);
}

export function requestFor(bundle: string, asked: Asked = {}): AttemptRequest {
  runs += 1;
  return {
    orgId: asked.orgId ?? 'acme',
    runId: asked.runId ?? `run_${runs}`,
    attempt: asked.attempt ?? 1,
    maxAttempts: asked.maxAttempts ?? 1,
    agent: asked.agent ?? 'agent',
    version: asked.version ?? 1,
    sha256: asked.sha256 ?? sha256Of(bundle),
    tier: asked.tier ?? 'basic',
    inputJson: JSON.stringify(asked.input ?? null),
    timeoutMs: asked.timeoutMs ?? 20_000,
    memoryMb: asked.memoryMb ?? 64,
    limits: asked.limits ?? {},
    metadata: asked.metadata ?? {},
    secrets: asked.secrets ?? [],
    ...(asked.egress === undefined ? {} : { egress: asked.egress }),
  };
}

async function runBundle(manager: AgentRuntimeManager, bundles: Map<string, string>, bundle: string, asked: Asked): Promise<Answer> {
  const request = requestFor(bundle, asked);
  bundles.set(`${request.orgId}/${sha256Of(bundle)}`, bundle);
  const admission = manager.admit(request.orgId, request.memoryMb);
  if (admission === null) throw new Error('the rig was asked for more than its pool');
  const events: RunEvent[] = [];
  let startedCount = 0;
  const sink = {
    started: (atMs: number) => {
      startedCount += 1;
      asked.onStarted?.(atMs);
    },
    event: (event: RunEvent) => {
      events.push(event);
      asked.onEvent?.(event);
    },
  };
  const outcome = await manager.execute(admission, request, sink, (asked.interrupt ?? new AbortController()).signal);
  return { outcome, events, startedCount };
}

/** The value that a succeeded attempt returned; throws, naming the outcome, where it did not succeed. */
export function valueOf({ outcome }: Answer): unknown {
  if (outcome.kind !== 'succeeded') throw new Error(`not succeeded: ${JSON.stringify(outcome)}`);
  return JSON.parse(outcome.resultJson);
}

/** `state/CODE` of a failed attempt, else its kind. */
export function endingOf({ outcome }: Answer): string {
  return outcome.kind === 'failed' ? `${outcome.state}/${outcome.error.code}` : outcome.kind;
}

/** Interrupts as soon as the agent has said something. */
export function interruptOnEvent(reason: InterruptReason): Pick<Asked, 'interrupt' | 'onEvent'> {
  const interrupt = new AbortController();
  return { interrupt, onEvent: () => interrupt.abort(reason) };
}

export function deathsOf(manager: AgentRuntimeManager, orgId = 'acme') {
  return manager.snapshot().find((organization) => organization.orgId === orgId)?.deaths;
}
