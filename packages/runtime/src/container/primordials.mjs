// What the container's own code needs of the language and of Node, taken before any agent code runs. An agent may
// replace JSON.stringify or String.prototype.includes in its thread; what is written here keeps working.
import v8 from 'node:v8';

const { bind, call } = Function.prototype;

/** Turns a method into a function of (self, ...arguments) that no later change of a prototype reaches. */
export const uncurryThis = /** @type {(method: Function) => (self: unknown, ...rest: any[]) => any} */ (bind.bind(call));

export const jsonParse = JSON.parse;
export const jsonStringify = JSON.stringify;
export const isArray = Array.isArray;
export const isView = ArrayBuffer.isView;
export const freeze = Object.freeze;
export const defineProperty = Object.defineProperty;
export const toText = String;
export const isFiniteNumber = Number.isFinite;
export const later = setImmediate;
export const now = Date.now;
export const exchange = Atomics.exchange;
export const random = Math.random;
export const heapStatistics = v8.getHeapStatistics;
export const threadCpuUsage = process.threadCpuUsage.bind(process);
export const activeResources = process.getActiveResourcesInfo.bind(process);
export const SafePromise = Promise;
export const SafeError = Error;
export const SafeTypeError = TypeError;
export const SafeAbortController = AbortController;

export const abort = uncurryThis(AbortController.prototype.abort);
export const includes = uncurryThis(String.prototype.includes);
export const isWellFormed = uncurryThis(String.prototype.isWellFormed);
export const charCodeAt = uncurryThis(String.prototype.charCodeAt);
export const startsWith = uncurryThis(String.prototype.startsWith);
export const indexOf = uncurryThis(String.prototype.indexOf);
export const slice = uncurryThis(String.prototype.slice);
export const split = uncurryThis(String.prototype.split);
export const replaceAll = uncurryThis(String.prototype.replaceAll);
export const join = uncurryThis(Array.prototype.join);
export const filter = uncurryThis(Array.prototype.filter);
export const bytesFrom = Buffer.from.bind(Buffer);
export const bytesToText = uncurryThis(Buffer.prototype.toString);
export const reflectApply = Reflect.apply;

const { get, set } = Map.prototype;
const { then } = Promise.prototype;
const { push, concat } = Array.prototype;
const { ownKeys } = Reflect;
const keysOfObjectPrototype = ownKeys(Object.prototype).length;

/**
 * Whether an agent replaced what Piscina, Node's own modules or other agents cannot do without here. Not a wall: it
 * keeps the mistake of one agent from failing the next run of the same organization.
 */
export function areBuiltinsReplaced() {
  return Map.prototype.get !== get || Map.prototype.set !== set || Promise.prototype.then !== then
    || Array.prototype.push !== push || Array.prototype.concat !== concat
    || JSON.parse !== jsonParse || JSON.stringify !== jsonStringify
    || ownKeys(Object.prototype).length !== keysOfObjectPrototype;
}
