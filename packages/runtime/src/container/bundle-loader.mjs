// Loads a bundle without Node's loader of ES modules where that makes no difference: where all that it imports statically
// is built into Node. That takes half the time for a small one, and lets the compiled code of a large one be given along. What compiled code is
// given comes from the supervisor (cell/code-caches.ts); where V8 refuses it the bundle is compiled as if there were none.
// Any other bundle goes Node's own way, which finds what it imports, or names what it does not find.
import { isBuiltin } from 'node:module';
import { SourceTextModule, SyntheticModule } from 'node:vm';

const getBuiltinModule = process.getBuiltinModule.bind(process);

/** @typedef {{ source: string, cache: Buffer | undefined }} Code */
/** @typedef {{ module: SourceTextModule, wasRefused: boolean }} Compiled */

/**
 * @param {string} url @param {Code} code @param {(url: string) => Promise<any>} importIt Node's own way
 * @param {() => void} onRefused the compiled code was none of this source, or of this V8
 * @returns {Promise<any>} its exports
 */
export async function loadBundle(url, code, importIt, onRefused) {
  const { module, wasRefused } = compile(url, code);
  if (wasRefused) onRefused();
  const requests = module.moduleRequests;
  for (let i = 0; i < requests.length; i += 1) if (!isBuiltin(/** @type {any} */ (requests[i]).specifier)) return importIt(url);
  const imported = [];
  for (let i = 0; i < requests.length; i += 1) imported[i] = wrap(/** @type {any} */ (requests[i]).specifier);
  module.linkRequests(imported);
  module.instantiate();
  await module.evaluate();
  return module.namespace;
}

/** What V8 made of a bundle that was compiled and never executed. @param {string} url @param {string} source @returns {Buffer} */
export function compiledCode(url, source) {
  return /** @type {any} */ (compile(url, { source, cache: undefined }).module).createCachedData(); // not in the types
}

/** @param {string} url @param {Code} code @returns {Compiled} */
function compile(url, { source, cache }) {
  const options = { identifier: url, initializeImportMeta, importModuleDynamically };
  if (cache === undefined) return { module: new SourceTextModule(source, options), wasRefused: false };
  try {
    return { module: new SourceTextModule(source, { ...options, cachedData: cache }), wasRefused: false };
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ERR_VM_MODULE_CACHED_DATA_REJECTED') throw error;
    return { module: new SourceTextModule(source, options), wasRefused: true };
  }
}

/** @param {any} meta @param {SourceTextModule} module */
function initializeImportMeta(meta, { identifier: url }) {
  meta.url = url;
  meta.filename = url.slice('file://'.length);
  meta.dirname = meta.filename.slice(0, meta.filename.lastIndexOf('/'));
  meta.resolve = (/** @type {string} */ specifier) => resolve(specifier, url);
}

/** @param {string} specifier @param {any} referrer @param {any} attributes @returns {Promise<any>} */
function importModuleDynamically(specifier, referrer, attributes) {
  return import(resolve(specifier, referrer.identifier), { with: attributes });
}

/** There are no packages around a bundle in a cell. @param {string} specifier @param {string} url */
function resolve(specifier, url) {
  return /^\.{0,2}\//.test(specifier) ? new URL(specifier, url).href : specifier;
}

/** What `import` makes of a builtin, without waiting for it. @param {string} specifier */
function wrap(specifier) {
  const exported = /** @type {any} */ (getBuiltinModule(specifier));
  const names = Object.keys(exported);
  if (!names.includes('default')) names.push('default');
  const module = new SyntheticModule(names, () => {
    for (let i = 0; i < names.length; i += 1) {
      const name = /** @type {string} */ (names[i]);
      module.setExport(name, name === 'default' ? exported : exported[name]);
    }
  });
  return module;
}
