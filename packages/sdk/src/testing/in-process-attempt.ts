import { LimitGuard, Redactor, SIZE_CAPS, WARN_AT, toStorableJson, utf8Bytes, type AttemptOutcome, type ErrorCode, type RunEvent, type RunUsage, type StorableProblem } from '@bullpen/core';

import type { AgentContext } from '../agent-context.ts';
import type { ExecuteAttempt, LocalAttempt } from '../local/local-run.ts';
import { AttemptEnd, failed, outcomeOfCause, outcomeOfThrown } from './attempt-end.ts';
import { AttemptVoice } from './attempt-voice.ts';
import type { MemoryKv } from './memory-kv.ts';
import { createStubFetch, type FetchStub } from './stub-fetch.ts';
import { createTestContext, secretReader } from './test-context.ts';

/** What an attempt finds around it. */
export interface Surroundings {
  readonly kv: MemoryKv;
  readonly secrets: ReadonlyMap<string, string>;
  readonly fetch: FetchStub | undefined;
}

type AgentFunction = (input: never, ctx: AgentContext) => unknown;

const RESULT_CODES = {
  too_large: 'RESULT_TOO_LARGE', not_serializable: 'RESULT_NOT_SERIALIZABLE', not_storable: 'RESULT_NOT_STORABLE',
} as const satisfies Record<StorableProblem, ErrorCode>;

/**
 * Attempts in this very process. The rules of a container hold as far as they can without one: the time limit ends the
 * attempt as soon as the agent lets go of the thread, and nothing can take the thread from it; memory and CPU limits are
 * not enforced, and usage is what the whole process used.
 */
export function inProcessAttempts(run: AgentFunction, around: Surroundings): ExecuteAttempt {
  return async (attempt, sink, signal) => {
    const end = new AttemptEnd();
    const redactor = new Redactor();
    const { plan, manifest } = attempt;
    const { timeoutMs, memoryMb, limits } = plan;
    const say = (event: RunEvent): void => sink.event(redactor.event(event));
    const guard = new LimitGuard({ limits: { ...limits, timeoutMs, memoryMb }, say, onBreach: ({ state, code, message }) => end.fail(state, code, message) });
    const voice = new AttemptVoice({ guard, redactor, end, tell: (event) => sink.event(event) });
    const reads = secretReader(manifest.secrets ?? [], around.secrets, (name, value) => redactor.learn(name, value));
    // The proxy adds secrets by itself: those need not be declared for the agent.
    const adds = secretReader([...around.secrets.keys()], around.secrets, (name, value) => redactor.learn(name, value));
    const egress = createStubFetch({ allow: manifest.egress?.allow ?? null, limits, say, stub: around.fetch, readSecret: adds, end });
    const asked = new AbortController();
    const parts = { attempt, voice, kv: around.kv, fetch: egress.fetch, signal: asked.signal, readSecret: reads, deadlineMs: Date.now() + plan.timeoutMs };
    const outcome = await within(attempt, { end, asked, signal, guard }, () => {
      sink.started();
      return run(JSON.parse(plan.inputJson) as never, createTestContext(parts));
    });
    voice.finish();
    const usage = manifest.egress === undefined ? outcome.usage : { ...outcome.usage, ...egress.usage };
    return redacted({ ...outcome, usage }, redactor);
  };
}

interface Ends {
  readonly end: AttemptEnd;
  readonly asked: AbortController;
  readonly signal: AbortSignal;
  readonly guard: LimitGuard;
}

async function within({ plan }: LocalAttempt, { end, asked, signal, guard }: Ends, call: () => unknown): Promise<AttemptOutcome> {
  const meter = startMeter(plan.memoryMb);
  const late = (): void => end.fail('timed_out', 'TIMED_OUT', `the attempt was killed after its ${plan.timeoutMs} ms`);
  const timers = [setTimeout(late, plan.timeoutMs), setTimeout(() => guard.warn('timeoutMs', plan.timeoutMs * WARN_AT), plan.timeoutMs * WARN_AT)];
  const cancel = (): void => {
    asked.abort(Object.assign(new Error('the run was interrupted: cancelled'), { name: 'AbortError', reason: 'cancelled' }));
    end.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const returned = (async () => ({ value: await call() }))();
    returned.catch(() => undefined); // an agent that was ended before may still throw
    const first = await Promise.race([returned, end.happened.then(() => null)]);
    const usage = meter();
    // Who kept the thread beyond his time was not seen by the timer.
    if (usage.wallMs > plan.timeoutMs) late();
    if (end.cause !== null || first === null) return outcomeOfCause(await end.happened, usage);
    return outcomeOfValue(first.value, guard, usage);
  } catch (thrown) {
    return end.cause === null ? outcomeOfThrown(thrown, meter()) : outcomeOfCause(end.cause, meter());
  } finally {
    timers.forEach(clearTimeout);
    signal.removeEventListener('abort', cancel);
  }
}

function outcomeOfValue(value: unknown, guard: LimitGuard, usage: RunUsage): AttemptOutcome {
  const stored = toStorableJson(value, SIZE_CAPS.resultBytes);
  if (!stored.ok) return failed('failed', RESULT_CODES[stored.problem], `the result cannot be kept: ${stored.detail}`, usage);
  if (guard.used('resultBytes', utf8Bytes(stored.json)) || guard.breach === null) return { kind: 'succeeded', resultJson: stored.json, usage };
  return failed(guard.breach.state, guard.breach.code, guard.breach.message, usage);
}

function redacted(outcome: AttemptOutcome, redactor: Redactor): AttemptOutcome {
  if (outcome.kind !== 'failed' || redactor.isEmpty) return outcome;
  const { error } = outcome;
  const stack = error.stack === undefined ? {} : { stack: redactor.text(error.stack) };
  return { ...outcome, error: { ...error, message: redactor.text(error.message), ...stack } };
}

interface ProcessReadings {
  cpuUsage?(): { user: number; system: number };
  memoryUsage?(): { heapUsed: number; external: number };
}

const MIB = 1024 * 1024;

/** What the process used between now and the call; zero for what the runtime does not tell. */
function startMeter(memoryMb: number): () => RunUsage {
  const { process } = globalThis as { process?: ProcessReadings };
  const read = () => ({ cpu: process?.cpuUsage?.(), memory: process?.memoryUsage?.() });
  const startedAtMs = performance.now();
  const before = read();
  return () => {
    const after = read();
    const wallMs = performance.now() - startedAtMs;
    const cpuMs = after.cpu === undefined || before.cpu === undefined ? 0 : (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000;
    const grown = (kind: 'heapUsed' | 'external'): number => Math.max(0, ((after.memory?.[kind] ?? 0) - (before.memory?.[kind] ?? 0)) / MIB);
    return { wallMs, cpuMs, peakHeapMb: grown('heapUsed'), peakExternalMb: grown('external'), gbSeconds: (memoryMb / 1024) * (wallMs / 1000) };
  };
}
