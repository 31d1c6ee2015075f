// Writes what an agent returned or said as JSON that Postgres keeps, or says why it cannot. The rules are those of
// core's toStorableJson, which the host applies again to the text; they are here as well because the call must throw
// in the agent, and because JSON.stringify on a string of hundreds of MB aborts the whole process: sizes are counted
// while JSON is being written, and writing ends as soon as the cap is certain to be passed.
import { charCodeAt, includes, isArray, isView, isWellFormed, jsonStringify, reflectApply, toText } from './primordials.mjs';

/** @typedef {'too_large' | 'not_serializable' | 'not_storable'} Problem */
/** @typedef {{ ok: true, json: string } | { ok: false, problem: Problem, detail: string }} Written */

const TOO_LARGE = { __proto__: null, problem: 'too_large' };
const NOT_STORABLE = { __proto__: null, problem: 'not_storable' };

/** UTF-8 bytes that may still be written; infinite while the agent itself writes JSON. */
let bytesLeft = Infinity;

/** @param {number} bytes at least so many the value takes */
function spend(bytes) {
  bytesLeft -= bytes;
  if (bytesLeft < 0) throw TOO_LARGE;
}

/** @param {string} text */
function checkText(text) {
  spend(text.length);
  if (includes(text, '\0') || !isWellFormed(text)) throw NOT_STORABLE;
}

/** @this {unknown} @param {string} key @param {unknown} value */
function count(key, value) {
  const type = typeof value;
  if (value === undefined || type === 'function' || type === 'symbol') return value;
  if (!isArray(this)) checkText(key);
  if (type === 'string') checkText(/** @type {string} */ (value));
  else spend(1);
  return value;
}

// Buffer.toJSON makes an array with one element a byte before anybody can count: a 30 MB Buffer in a result would take
// 240 MB at once, which V8 answers by aborting the process. While a result is written it is refused by its length.
const bufferToJson = Buffer.prototype.toJSON;
Buffer.prototype.toJSON = /** @this {Buffer} */ function toJSON() {
  if (this.length * 2 > bytesLeft) throw TOO_LARGE;
  return reflectApply(bufferToJson, this, []);
};

/**
 * @param {unknown} value
 * @param {number} maxBytes
 * @param {number} maxDepth
 * @returns {Written}
 */
export function writeJson(value, maxBytes, maxDepth) {
  let json;
  try {
    if (isView(value) && value.byteLength * 2 > maxBytes) throw TOO_LARGE;
    bytesLeft = maxBytes;
    json = value === undefined ? 'null' : jsonStringify(value, count);
  } catch (thrown) {
    if (thrown === TOO_LARGE) return { ok: false, problem: 'too_large', detail: `more than ${maxBytes} bytes` };
    if (thrown === NOT_STORABLE) return { ok: false, problem: 'not_storable', detail: 'it holds a NUL character or a lone surrogate' };
    return { ok: false, problem: 'not_serializable', detail: whyOf(thrown) };
  } finally {
    bytesLeft = Infinity;
  }
  if (json === undefined) return { ok: false, problem: 'not_serializable', detail: `a ${typeof value} has no JSON` };
  if (json.length > maxBytes) return { ok: false, problem: 'too_large', detail: `more than ${maxBytes} bytes` };
  if (json.length > maxDepth && isDeeperThan(json, maxDepth)) {
    return { ok: false, problem: 'not_storable', detail: `it is nested deeper than ${maxDepth} levels` };
  }
  return { ok: true, json };
}

/** @param {string} json @param {number} maxDepth */
function isDeeperThan(json, maxDepth) {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i += 1) {
    const char = charCodeAt(json, i);
    if (inString) {
      if (char === 0x5c) i += 1;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x5b || char === 0x7b) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (char === 0x5d || char === 0x7d) depth -= 1;
  }
  return false;
}

/** @param {unknown} thrown */
function whyOf(thrown) {
  try {
    const message = toText(/** @type {any} */ (thrown).message);
    return message.length > 1000 ? 'JSON.stringify threw' : message;
  } catch {
    return 'JSON.stringify threw';
  }
}
