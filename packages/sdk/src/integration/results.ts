import { errorCodeOf, messageOf, type RunUsage, type TerminalRunState } from '@bullpen/core';

import type { LocalRun } from '../local/local-run.ts';
import type { ExecutionError, ExecutionReason, ExecutionResult, ExistingAnswer } from './execution.ts';

const NO_USAGE: RunUsage = { wallMs: 0, cpuMs: 0, peakHeapMb: 0, peakExternalMb: 0, gbSeconds: 0 };

export function resultOfRun<Result>(run: LocalRun, wallMs: number): ExecutionResult<Result> {
  const { state, result, error, usage, events, id, version, tier, attempt } = run;
  const logs = events.flatMap(({ at, event }) => {
    if (event.type !== 'log') return [];
    const { level, message, fields } = event;
    return [{ level, message, ...(fields === undefined ? {} : { fields }), at }];
  });
  return {
    state: state as TerminalRunState, result: state === 'succeeded' ? (result as Result) : null, error: state === 'succeeded' ? null : error,
    usage, logs, events, executedBy: 'runtime', reason: 'runtime', fallback: null, runId: id, version, tier, attempts: attempt, wallMs,
  };
}

/** Why the existing engine was asked. */
export interface ExistingReason {
  readonly reason: Exclude<ExecutionReason, 'runtime'>;
  readonly fallback: ExecutionError | null;
}

export function resultOfExisting<Result>({ result = null, error, usage, logs = [] }: ExistingAnswer, why: ExistingReason, wallMs: number): ExecutionResult<Result> {
  return {
    state: error === undefined ? 'succeeded' : 'failed',
    result: error === undefined ? (result as Result) : null,
    error: error === undefined ? null : { ...error, code: error.code ?? 'AGENT_THREW' },
    usage: usage === undefined ? null : { ...NO_USAGE, wallMs, ...usage },
    logs: logs.map((line) => ({ ...line, at: line.at ?? null })),
    events: [], executedBy: 'existing', ...why, runId: null, version: null, tier: null, attempts: 1, wallMs,
  };
}

/** What an engine threw, as an answer of it. */
export function answerOfThrown(thrown: unknown): ExistingAnswer {
  const { stack } = (thrown ?? {}) as { stack?: unknown };
  return { error: { ...errorOf(thrown, 'AGENT_THREW'), ...(typeof stack === 'string' ? { stack } : {}) } };
}

export function errorOf(thrown: unknown, codeOfOthers: string): ExecutionError {
  return { code: errorCodeOf(thrown) ?? codeOfOthers, message: messageOf(thrown) };
}
