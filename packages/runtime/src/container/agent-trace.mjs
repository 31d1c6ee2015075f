// `ctx.trace`: spans of the agent's own, said to the host as events when they end. Nothing is made until an agent asks for its first span.
import { AsyncLocalStorage } from 'node:async_hooks';

import { SafeTypeError, freeze, now, random, toText } from './primordials.mjs';

/** @typedef {import('./voice.mjs').Voice} Voice */
/** @typedef {Record<string, string | number | boolean>} Attributes */

const MOST_ATTRIBUTES = 32;

/** The span around what runs now, of whatever attempt: ids are of no use to another. @type {AsyncLocalStorage<string> | undefined} */
let spans;

/** @param {Voice} voice @param {string | undefined} traceparent */
export function createTrace(voice, traceparent) {
  return freeze({
    traceparent: traceparent ?? null,
    span: (/** @type {unknown} */ name, /** @type {any} */ attributes, /** @type {any} */ act) =>
      (typeof attributes === 'function' ? inSpan(voice, name, {}, attributes) : inSpan(voice, name, attributes, act)),
  });
}

/** @param {Voice} voice @param {unknown} name @param {Attributes} given @param {(span: object) => unknown} act */
async function inSpan(voice, name, given, act) {
  if (typeof name !== 'string' || name.length < 1 || name.length > 128) throw new SafeTypeError('ctx.trace.span takes a name of 1 to 128 characters');
  if (typeof act !== 'function') throw new SafeTypeError('ctx.trace.span takes a function');
  spans ??= new AsyncLocalStorage();
  const parentId = spans.getStore() ?? null;
  const id = newId();
  const attributes = checked(given);
  const startMs = now();
  let status = 'error';
  try {
    const value = await spans.run(id, () => act(freeze({ setAttribute: (/** @type {string} */ key, /** @type {any} */ value) => { set(attributes, key, value); } })));
    status = 'ok';
    return value;
  } finally {
    voice.say({ type: 'span', id, parentId, name, startMs, endMs: now(), status, attributes });
  }
}

/** @param {unknown} given @returns {Attributes} */
function checked(given) {
  const attributes = /** @type {Attributes} */ ({});
  if (given === null || typeof given !== 'object') return attributes;
  for (const [key, value] of Object.entries(given)) set(attributes, key, value);
  return attributes;
}

/** Anything that is no plain value becomes its text; beyond the cap nothing is kept. @param {Attributes} attributes @param {string} key @param {unknown} value */
function set(attributes, key, value) {
  if (typeof key !== 'string' || key.length > 128 || Object.keys(attributes).length >= MOST_ATTRIBUTES) return;
  attributes[key] = typeof value === 'boolean' || (typeof value === 'number' && value - value === 0) ? value : toText(value);
}

/** Unique within an attempt is enough: the host makes ids of its own. */
function newId() {
  return `s${toText(random() * 2 ** 52)}`;
}
