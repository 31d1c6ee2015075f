// `ctx.secrets` and `ctx.kv`, as the agent gets them. What is declared, allowed and kept is the supervisor's to say.
import { SafeTypeError, freeze } from './primordials.mjs';

/** @typedef {import('./host-calls.mjs').HostCalls} HostCalls */

/** @param {HostCalls} calls */
export function createSecrets(calls) {
  return freeze({
    get: async (/** @type {unknown} */ name) => (await calls.call('secrets.get', { name: textOf(name, 'ctx.secrets.get takes a name') })).value,
  });
}

/** @param {HostCalls} calls */
export function createKv(calls) {
  const getEntry = async (/** @type {unknown} */ key) => (await calls.call('kv.get', { key: textOf(key, 'ctx.kv takes a key') })).entry ?? undefined;
  return freeze({
    getEntry,
    get: async (/** @type {unknown} */ key) => (await getEntry(key))?.value,
    async set(/** @type {unknown} */ key, /** @type {unknown} */ value, /** @type {{ ifRevision?: unknown } | undefined} */ options) {
      if (value === undefined) throw new SafeTypeError('ctx.kv.set takes a value; ctx.kv.delete takes it away');
      return (await calls.call('kv.set', { key: textOf(key, 'ctx.kv takes a key'), value, ifRevision: options?.ifRevision })).revision;
    },
    delete: async (/** @type {unknown} */ key, /** @type {{ ifRevision?: unknown } | undefined} */ options) =>
      (await calls.call('kv.delete', { key: textOf(key, 'ctx.kv takes a key'), ifRevision: options?.ifRevision })).deleted,
    list: (/** @type {{ prefix?: unknown, after?: unknown, limit?: unknown } | undefined} */ options) =>
      calls.call('kv.list', { prefix: options?.prefix, after: options?.after, limit: options?.limit }),
  });
}

/** @param {unknown} value @param {string} complaint @returns {string} */
function textOf(value, complaint) {
  if (typeof value !== 'string') throw new SafeTypeError(complaint);
  return value;
}
