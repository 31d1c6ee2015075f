import { SIZE_CAPS, assertNever, toStorableJson, type AttemptOutcome, type ErrorCode, type RunUsage, type StorableProblem } from '@bullpen/core';

import { failure } from './outcomes.ts';

/** How an attempt ended, as the container writes it. The other side is container/attempt.mjs. */
export type Reply =
  | { kind: 'returned'; result: unknown }
  | { kind: 'threw' | 'load_failed'; message: string; stack?: string }
  | { kind: 'refused'; problem: StorableProblem; detail: string };

const RESULT_CODES = {
  too_large: 'RESULT_TOO_LARGE',
  not_serializable: 'RESULT_NOT_SERIALIZABLE',
  not_storable: 'RESULT_NOT_STORABLE',
} as const satisfies Record<StorableProblem, ErrorCode>;

/** JSON text around a result of the largest size: tag, braces, and the escapes that UTF-8 bytes count once. */
const MAX_REPLY_CHARS = SIZE_CAPS.resultBytes + 1024;

/** Reads what a thread replied, or null: the thread is not to be trusted with the shape of it. */
export function parseReply(text: unknown): Reply | null {
  if (typeof text !== 'string' || text.length > MAX_REPLY_CHARS) return null;
  try {
    return asReply(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The same of a value that was parsed already. */
export function asReply(value: unknown): Reply | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, message, stack, problem, detail, result } = value as Record<string, unknown>;
  if (kind === 'returned') return { kind, result };
  if ((kind === 'threw' || kind === 'load_failed') && typeof message === 'string') {
    return typeof stack === 'string' ? { kind, message, stack } : { kind, message };
  }
  if (kind === 'refused' && typeof problem === 'string' && Object.hasOwn(RESULT_CODES, problem) && typeof detail === 'string') {
    return { kind, problem: problem as StorableProblem, detail };
  }
  return null;
}

/** What a reply means for the run. The result is checked again here: the host has the last word on what is stored. */
export function outcomeOfReply(reply: Reply, usage: RunUsage): AttemptOutcome {
  switch (reply.kind) {
    case 'returned': {
      const stored = toStorableJson(reply.result, SIZE_CAPS.resultBytes);
      if (stored.ok) return { kind: 'succeeded', resultJson: stored.json, usage };
      return failure('failed', RESULT_CODES[stored.problem], `the result cannot be kept: ${stored.detail}`, usage);
    }
    case 'refused':
      return failure('failed', RESULT_CODES[reply.problem], `the result cannot be kept: ${reply.detail}`, usage);
    case 'threw':
      return failure('failed', 'AGENT_THREW', reply.message, usage, reply.stack);
    case 'load_failed':
      return failure('failed', 'BUNDLE_LOAD_FAILED', reply.message, usage, reply.stack);
    default:
      return assertNever(reply, 'reply');
  }
}
