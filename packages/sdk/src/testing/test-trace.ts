import type { RunEvent } from '@bullpen/core';

import type { AgentSpan, AgentTrace, SpanAttributes } from '../agent-context.ts';

/** What follows an agent through its awaits: `AsyncLocalStorage`, where the runtime has it. */
interface SpanStore {
  run<T>(id: string, act: () => T): T;
  getStore(): string | undefined;
}

/** Asked of the process, not imported: a browser has neither, and its spans then have no parents. */
function spanStore(): SpanStore | null {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  const hooks = process?.getBuiltinModule?.('node:async_hooks') as { AsyncLocalStorage: new () => SpanStore } | undefined;
  return hooks === undefined ? null : new hooks.AsyncLocalStorage();
}

const MOST_ATTRIBUTES = 32;

type Act<T> = (span: AgentSpan) => T | Promise<T>;

/** `ctx.trace`: spans become events when they end. */
export function createTestTrace(say: (event: RunEvent) => void): AgentTrace {
  const store = spanStore();
  let lastId = 0;

  const inSpan = async <T>(name: string, given: SpanAttributes, act: Act<T>): Promise<T> => {
    if (typeof name !== 'string' || name.length < 1 || name.length > 128) throw new TypeError('ctx.trace.span takes a name of 1 to 128 characters');
    if (typeof act !== 'function') throw new TypeError('ctx.trace.span takes a function');
    const attributes: Record<string, string | number | boolean> = {};
    const set = (key: string, value: string | number | boolean): void => {
      if (key.length <= 128 && Object.keys(attributes).length < MOST_ATTRIBUTES) attributes[key] = value;
    };
    for (const [key, value] of Object.entries(given)) set(key, value);
    const parentId = store?.getStore() ?? null;
    const id = `s${(lastId += 1)}`;
    const startMs = Date.now();
    const span = { setAttribute: set };
    let status: 'ok' | 'error' = 'error';
    try {
      const value = await (store === null ? act(span) : store.run(id, () => act(span)));
      status = 'ok';
      return value;
    } finally {
      say({ type: 'span', id, parentId, name, startMs, endMs: Date.now(), status, attributes });
    }
  };
  return {
    traceparent: null,
    span: <T>(name: string, second: SpanAttributes | Act<T>, third?: Act<T>): Promise<T> =>
      (typeof second === 'function' ? inSpan(name, {}, second) : inSpan(name, second, third as Act<T>)),
  };
}
