// Names whatever an agent threw: null, undefined, objects with getters that throw, messages of hundreds of MB. Never
// throws. The stack is the agent's own: frames of Bullpen, Piscina and Node are left out, and the path of the bundle
// on this machine becomes `bundle.mjs`.
import { inspect } from 'node:util';

import { filter, includes, join, replaceAll, slice, split, toText } from './primordials.mjs';

const MAX_MESSAGE_CHARS = 4000;
const MAX_STACK_CHARS = 16_000;
/** Beyond this a text is not even cut: cutting flattens it, and flattening a huge string can abort the process. */
const MAX_READ_CHARS = 1_000_000;

const OWN_FRAMES = [import.meta.dirname, '/piscina/', 'node:'];

/**
 * @param {unknown} thrown
 * @param {string} bundleUrl
 * @returns {{ message: string, stack?: string }}
 */
export function describeThrown(thrown, bundleUrl) {
  const message = messageOf(thrown);
  const stack = stackOf(thrown, bundleUrl);
  return stack === undefined ? { message } : { message, stack };
}

/** @param {unknown} thrown */
function messageOf(thrown) {
  if (thrown === null || thrown === undefined) return `the agent threw ${toText(thrown)}`;
  if (typeof thrown === 'string') return cut(thrown, MAX_MESSAGE_CHARS) || 'the agent threw an empty string';
  const message = readText(thrown, 'message');
  const name = readText(thrown, 'name');
  if (message === undefined) return describeObject(thrown);
  const text = cut(message, MAX_MESSAGE_CHARS);
  if (name === undefined || name === '' || name === 'Error') return text || 'the agent threw an error without a message';
  return text === '' ? cut(name, 200) : `${cut(name, 200)}: ${text}`;
}

/** @param {unknown} thrown */
function describeObject(thrown) {
  try {
    return `the agent threw ${cut(inspect(thrown, { depth: 1, maxStringLength: 200, maxArrayLength: 10 }), 500)}`;
  } catch {
    return 'the agent threw something that cannot be described';
  }
}

/** @param {unknown} thrown @param {string} bundleUrl */
function stackOf(thrown, bundleUrl) {
  const message = readText(thrown, 'message');
  if (message !== undefined && message.length > MAX_READ_CHARS) return undefined;
  const stack = readText(thrown, 'stack');
  if (stack === undefined || stack === '' || stack.length > MAX_READ_CHARS) return undefined;
  const lines = filter(split(stack, '\n'), (/** @type {string} */ line) => !isOwnFrame(line));
  return cut(replaceAll(join(lines, '\n'), bundleUrl, 'bundle.mjs'), MAX_STACK_CHARS);
}

/** @param {string} line */
function isOwnFrame(line) {
  if (!includes(line, '    at ')) return false;
  for (let i = 0; i < OWN_FRAMES.length; i += 1) if (includes(line, OWN_FRAMES[i])) return true;
  return false;
}

/** @param {unknown} thrown @param {string} key @returns {string | undefined} */
function readText(thrown, key) {
  try {
    const value = /** @type {any} */ (thrown)[key];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} text @param {number} maxChars @returns {string} */
function cut(text, maxChars) {
  if (text.length <= maxChars) return text;
  if (text.length > MAX_READ_CHARS) return `(a text of ${text.length} characters)`;
  return `${slice(text, 0, maxChars)}... (${text.length} characters)`;
}
