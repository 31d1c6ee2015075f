import {
  BullpenError, agentManifestSchema, createRunSchema, defined, messageOf, parseOrThrow, planRun, retryDelayMs, systemClock,
  type AgentManifest, type AgentManifestInput, type AttemptOutcome, type Clock, type CreateRunRequest, type NewRun, type Organization, type RunError,
  type RunUsage, type StoredRunEvent, type TerminalRunState,
} from '@bullpen/core';

import type { RunOf } from '../client-types.ts';
import { createEventBook, type EventBook, type LocalSink } from './event-book.ts';
import { zodChecker, type ValueChecker, type ValueIssue } from './value-checker.ts';

/**
 * A run without a server: from the request to the finished run, with what the API does at its door and a worker after
 * an attempt. Guarantees: a request that the API would refuse is refused with the same code; an attempt that may be
 * tried again is, up to `maxAttempts`; the run that comes back has the shape of `GET /v1/runs/{id}`.
 */
export interface LocalRunDeps {
  readonly organization: Organization;
  readonly execute: ExecuteAttempt;
  readonly checker?: ValueChecker | undefined;
  readonly clock?: Clock;
  /** Waits between attempts; at once where left out. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What is run: the name and version it goes by, and what its manifest asks for. */
export interface LocalAgent {
  readonly name: string;
  readonly version: number;
  readonly manifest: AgentManifestInput;
}

/** One attempt, as whoever executes it is asked for it. */
export interface LocalAttempt {
  readonly plan: NewRun;
  readonly manifest: AgentManifest;
  /** From 1. */
  readonly attempt: number;
}

/** Never rejects: how an attempt ended is a value. */
export type ExecuteAttempt = (attempt: LocalAttempt, sink: LocalSink, signal: AbortSignal) => Promise<AttemptOutcome>;

export interface LocalRunCall {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: StoredRunEvent) => void) | undefined;
}

/** A finished run, and all that it said. */
export type LocalRun<Result = unknown> = RunOf<Result> & { readonly events: readonly StoredRunEvent[] };

/** Times that an attempt is executed again because of others (its process was lost), without counting. */
const MOST_REDELIVERIES = 5;
const CANCELLED: RunError = { code: 'CANCELLED', message: 'cancelled by a caller' };

/** @throws BullpenError what the API refuses such a request with */
export async function runLocally<Result>(deps: LocalRunDeps, agent: LocalAgent, request: CreateRunRequest, call: LocalRunCall = {}): Promise<LocalRun<Result>> {
  const { clock = systemClock } = deps;
  const manifest = parseOrThrow(agentManifestSchema, agent.manifest, 'manifest');
  const plan = planRun(parseOrThrow(createRunSchema, request), versionOf(deps, agent, manifest), deps.organization, null);
  await checkInput(deps, agent, manifest, plan.inputJson);
  const book = createEventBook(clock, call.onEvent);
  const queuedAtMs = clock.nowMs();
  const ended = await executeAll(deps, { plan, manifest, attempt: 1 }, book, call.signal ?? new AbortController().signal);
  return runOf<Result>(plan, ended, book, { queuedAtMs, finishedAtMs: clock.nowMs() });
}

interface Ended {
  readonly state: TerminalRunState;
  readonly resultJson: string | null;
  readonly error: RunError | null;
  readonly usage: RunUsage | null;
  readonly attempt: number;
}

async function executeAll(deps: LocalRunDeps, first: LocalAttempt, book: EventBook, signal: AbortSignal): Promise<Ended> {
  const { plan } = first;
  let redeliveries = 0;
  for (let attempt = 1; ; ) {
    if (signal.aborted) return { state: 'cancelled', resultJson: null, error: CANCELLED, usage: null, attempt: attempt - 1 };
    const outcome = await judged(deps, first.manifest, await deps.execute({ ...first, attempt }, book.sinkOf(attempt), signal));
    if (outcome.kind === 'succeeded') return { state: 'succeeded', resultJson: outcome.resultJson, error: null, usage: outcome.usage, attempt };
    if (outcome.kind === 'failed') {
      const failed = { state: outcome.state, resultJson: null, error: outcome.error, usage: outcome.usage, attempt };
      if (!outcome.retryable || attempt >= plan.maxAttempts) return failed;
      // Called off while it waits: the look at the signal above ends it.
      await deps.pause?.(retryDelayMs(plan.backoff, attempt, Math.random), signal).catch(() => undefined);
      attempt += 1;
    } else {
      const { usage, reason } = outcome;
      if (reason === 'cancelled' || signal.aborted) return { state: 'cancelled', resultJson: null, error: CANCELLED, usage, attempt };
      if (reason === 'shutdown') throw new BullpenError('SHUTTING_DOWN', 'the runtime stopped while the run was executed');
      redeliveries += 1;
      if (redeliveries > MOST_REDELIVERIES) return { state: 'crashed', resultJson: null, error: { code: 'WORKER_LOST', message: `interrupted again and again: ${reason}` }, usage, attempt };
    }
  }
}

/** The outcome, or the failure that it is where the result does not fit. */
async function judged(deps: LocalRunDeps, { outputSchema }: AgentManifest, outcome: AttemptOutcome): Promise<AttemptOutcome> {
  if (outcome.kind !== 'succeeded' || outputSchema === undefined) return outcome;
  const fault = await faultOf(deps, outputSchema, outcome.resultJson);
  if (fault === null) return outcome;
  return { kind: 'failed', state: 'failed', error: { code: 'OUTPUT_INVALID', message: fault }, retryable: false, usage: outcome.usage };
}

async function faultOf({ checker = zodChecker }: LocalRunDeps, schema: Record<string, unknown>, resultJson: string): Promise<string | null> {
  try {
    const issues = await checker.check(schema, JSON.parse(resultJson));
    return issues.length === 0 ? null : `the result does not fit its schema: ${listed(issues, 'result')}`;
  } catch (error) {
    return messageOf(error);
  }
}

async function checkInput({ checker = zodChecker }: LocalRunDeps, { name, version }: LocalAgent, { inputSchema }: AgentManifest, inputJson: string): Promise<void> {
  if (inputSchema === undefined) return;
  const found = await checker.check(inputSchema, JSON.parse(inputJson));
  if (found.length === 0) return;
  const issues = found.map(({ path, message }) => ({ path: path === '' ? 'input' : `input.${path}`, message }));
  throw new BullpenError('INPUT_INVALID', `the input does not fit version ${version} of ${name}: ${listed(found, 'input')}`, { issues });
}

function listed(issues: readonly ValueIssue[], of: string): string {
  return issues.map(({ path, message }) => `${path === '' ? of : `${of}.${path}`}: ${message}`).join('; ');
}

function versionOf({ organization }: LocalRunDeps, { name, version }: LocalAgent, manifest: AgentManifest) {
  return {
    id: `local-${name}-${version}`, orgId: organization.id, agent: name, version, sha256: '0'.repeat(64), bundleBytes: 0, manifest,
    createdAt: organization.createdAt,
  };
}

function runOf<Result>(plan: NewRun, { resultJson, ...ended }: Ended, book: EventBook, at: { queuedAtMs: number; finishedAtMs: number }): LocalRun<Result> {
  const iso = (ms: number): string => new Date(ms).toISOString();
  const startedAt = book.startedAtMs === null ? null : iso(book.startedAtMs);
  const { id, orgId, agent, version, tier, maxAttempts, timeoutMs, memoryMb, limits, priority, fairnessKey, metadata } = plan;
  return {
    ...defined({ id, orgId, agent, version, tier, maxAttempts, timeoutMs, memoryMb, limits, priority, fairnessKey, metadata }),
    ...ended,
    tags: [...(plan.tags ?? [])],
    input: JSON.parse(plan.inputJson) as unknown,
    result: resultJson === null ? null : (JSON.parse(resultJson) as Result),
    kill: null,
    workerId: null,
    traceId: null,
    queuedAt: iso(at.queuedAtMs),
    notBefore: null,
    expiresAt: null,
    claimedAt: iso(at.queuedAtMs),
    startedAt,
    finishedAt: iso(at.finishedAtMs),
    events: book.events,
  };
}
