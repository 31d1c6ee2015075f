// `ctx`, as the agent gets it, and the console of the thread. Both speak through the attempt's voice.
import { formatWithOptions, inspect } from 'node:util';

import { createFetch } from './agent-fetch.mjs';
import { createKv, createSecrets } from './agent-stores.mjs';
import { createTrace } from './agent-trace.mjs';
import { SafeAbortController, SafeError, SafeTypeError, abort, defineProperty, freeze, isFiniteNumber, toText } from './primordials.mjs';

/** @typedef {import('./voice.mjs').Voice} Voice */
/** @typedef {import('./host-calls.mjs').HostCalls} HostCalls */
/** @typedef {{ id: string, orgId: string, agent: string, version: number, metadata: Record<string, string>, traceparent?: string }} RunFacts */

const INSPECT = { depth: 4, maxStringLength: 10_000, maxArrayLength: 100, breakLength: 120 };

/**
 * @param {Voice} voice @param {HostCalls} calls
 * @param {{ run: RunFacts, attempt: number, deadline: number, egressProxy?: { socketPath: string, token: string } }} facts
 */
export function createContext(voice, calls, facts) {
  const interruption = createInterruption();
  const trace = createTrace(voice, facts.run.traceparent);
  const ctx = freeze({
    log: createLog(voice),
    emit: (/** @type {unknown} */ name, /** @type {unknown} */ data) => emit(voice, name, data),
    progress: (/** @type {unknown} */ fraction, /** @type {unknown} */ message) => progress(voice, fraction, message),
    get signal() { return interruption.signal(); },
    secrets: createSecrets(calls),
    kv: createKv(calls),
    fetch: createFetch(calls, trace),
    egress: facts.egressProxy === undefined ? undefined : freeze(facts.egressProxy),
    trace,
    run: freeze({ ...facts.run, metadata: freeze(facts.run.metadata) }),
    attempt: facts.attempt,
    deadline: facts.deadline,
  });
  return { ctx, interrupt: interruption.interrupt };
}

/** Made when the agent asks for it: most never do, and a controller is what a short run would spend most of its memory on. */
function createInterruption() {
  /** @type {AbortController | undefined} */
  let controller;
  /** @type {Error | undefined} */
  let reason;
  return {
    signal() {
      if (controller === undefined) {
        controller = new SafeAbortController();
        if (reason !== undefined) abort(controller, reason);
      }
      return controller.signal;
    },
    interrupt(/** @type {string} */ why) {
      reason = interruptionOf(why);
      if (controller !== undefined) abort(controller, reason);
    },
  };
}

/** @param {Voice} voice */
function createLog(voice) {
  const at = (/** @type {string} */ level) => (/** @type {unknown} */ message, /** @type {unknown} */ fields) => {
    const text = typeof message === 'string' ? message : inspect(message, INSPECT);
    voice.refuseBeyondCap(text.length);
    voice.say(fields === undefined ? { type: 'log', level, message: text } : { type: 'log', level, message: text, fields });
  };
  return freeze(Object.assign(at('info'), { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }));
}

/** @param {Voice} voice @param {unknown} name @param {unknown} data */
function emit(voice, name, data) {
  if (typeof name !== 'string' || name.length < 1 || name.length > 64) throw new SafeTypeError('ctx.emit takes a name of 1 to 64 characters');
  voice.say({ type: 'emit', name, data: data === undefined ? null : data });
}

/** @param {Voice} voice @param {unknown} fraction @param {unknown} message */
function progress(voice, fraction, message) {
  if (typeof fraction !== 'number' || !isFiniteNumber(fraction)) throw new SafeTypeError('ctx.progress takes a number from 0 to 1');
  const within = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
  voice.say(message === undefined ? { type: 'progress', fraction: within } : { type: 'progress', fraction: within, message: toText(message) });
}

/** @param {string} reason */
function interruptionOf(reason) {
  const error = new SafeError(`the run was interrupted: ${reason}`);
  error.name = 'AbortError';
  /** @type {any} */ (error).reason = reason;
  return error;
}

const CONSOLE_LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error', trace: 'debug' };

/**
 * Makes console.* and writes to stdout and stderr log events of the attempt that makes them.
 * @param {() => Voice | undefined} voiceOf
 */
export function captureConsole(voiceOf) {
  for (const [method, level] of Object.entries(CONSOLE_LEVELS)) {
    /** @type {any} */ (console)[method] = (/** @type {unknown[]} */ ...parts) => sayLine(voiceOf(), level, parts);
  }
  captureStream('stdout', 'info', voiceOf);
  captureStream('stderr', 'warn', voiceOf);
}

/** @param {Voice | undefined} voice @param {string} level @param {unknown[]} parts */
function sayLine(voice, level, parts) {
  if (voice === undefined) return;
  let chars = 0;
  for (let i = 0; i < parts.length; i += 1) {
    const part = parts[i];
    if (typeof part === 'string') voice.refuseBeyondCap((chars += part.length));
  }
  voice.say({ type: 'log', level, message: formatWithOptions(INSPECT, ...parts) });
}

/**
 * Streams are made on first use only: most agents never touch them, and each takes memory.
 * @param {'stdout' | 'stderr'} name @param {string} level @param {() => Voice | undefined} voiceOf
 */
function captureStream(name, level, voiceOf) {
  const original = /** @type {() => any} */ (Object.getOwnPropertyDescriptor(process, name)?.get);
  let captured = false;
  defineProperty(process, name, {
    configurable: true,
    get() {
      const stream = original.call(process);
      if (!captured) {
        captured = true;
        stream.write = (/** @type {unknown} */ chunk) => writeLines(voiceOf(), level, chunk);
      }
      return stream;
    },
  });
}

/** @param {Voice | undefined} voice @param {string} level @param {unknown} chunk */
function writeLines(voice, level, chunk) {
  const length = /** @type {{ length?: number }} */ (chunk)?.length ?? 0;
  voice?.refuseBeyondCap(length);
  const text = toText(chunk);
  const line = text.endsWith('\n') ? text.slice(0, -1) : text;
  if (line !== '') voice?.say({ type: 'log', level, message: line });
  return true;
}
