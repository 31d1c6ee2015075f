import { BullpenError, type LogLevel } from '@bullpen/core';

import type { AgentContext, AgentKv, AgentLog, LogFields } from '../agent-context.ts';
import type { LocalAttempt } from '../local/local-run.ts';
import type { AttemptVoice } from './attempt-voice.ts';
import { createTestTrace } from './test-trace.ts';

interface ContextParts {
  readonly attempt: LocalAttempt;
  readonly voice: AttemptVoice;
  readonly kv: AgentKv;
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal;
  readonly readSecret: (name: string) => string;
  readonly deadlineMs: number;
}

/** `ctx` as an agent in a container gets it. */
export function createTestContext({ attempt: { plan, attempt }, voice, kv, fetch, signal, readSecret, deadlineMs }: ContextParts): AgentContext {
  const { id, orgId, agent, version, metadata } = plan;
  return Object.freeze({
    log: createLog(voice),
    emit(name: string, data: unknown) {
      if (typeof name !== 'string' || name.length < 1 || name.length > 64) throw new TypeError('ctx.emit takes a name of 1 to 64 characters');
      voice.say({ type: 'emit', name, data: (data === undefined ? null : data) as null });
    },
    progress(fraction: number, message?: string) {
      if (typeof fraction !== 'number' || !Number.isFinite(fraction)) throw new TypeError('ctx.progress takes a number from 0 to 1');
      const within = Math.min(1, Math.max(0, fraction));
      voice.say(message === undefined ? { type: 'progress', fraction: within } : { type: 'progress', fraction: within, message: String(message) });
    },
    signal,
    secrets: Object.freeze({
      async get(name: string) {
        if (typeof name !== 'string') throw new TypeError('ctx.secrets.get takes a name');
        return readSecret(name);
      },
    }),
    kv,
    fetch,
    egress: undefined,
    trace: createTestTrace((event) => voice.say(event)),
    run: Object.freeze({ id, orgId, agent, version, metadata: Object.freeze({ ...metadata }) }),
    attempt,
    deadline: deadlineMs,
  });
}

function createLog(voice: AttemptVoice): AgentLog {
  const at = (level: LogLevel) => (message: string, fields?: LogFields): void => {
    const text = typeof message === 'string' ? message : describe(message);
    voice.say(fields === undefined ? { type: 'log', level, message: text } : { type: 'log', level, message: text, fields: fields as Record<string, never> });
  };
  return Object.freeze(Object.assign(at('info'), { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }));
}

function describe(message: unknown): string {
  try {
    return message instanceof Error ? String(message) : (JSON.stringify(message) ?? String(message));
  } catch {
    return String(message);
  }
}

/** The values that an agent may read: declared by its manifest, and there. */
export function secretReader(declared: readonly string[], values: ReadonlyMap<string, string>, onRead: (name: string, value: string) => void) {
  return (name: string): string => {
    if (!declared.includes(name)) throw new BullpenError('SECRET_NOT_DECLARED', `the manifest of this version does not declare the secret ${name}`, { name });
    const value = values.get(name);
    if (value === undefined) throw new BullpenError('SECRET_NOT_FOUND', `the organization has no secret ${name}`, { name });
    onRead(name, value);
    return value;
  };
}
