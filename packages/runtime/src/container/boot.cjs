// What a strict cell starts with: loads the container's own modules (`boot.cjs ENTRY.mjs`) without Node's loader of ES
// modules, which takes 12 of the 40 ms that a cell needed until it was ready: it looks for packages, asks hooks, and reads each file in its turn.
// Here they are found by one rule (`./NAME.mjs` beside this file, anything else is a builtin of Node), read and linked at once.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { SourceTextModule, SyntheticModule } = require('node:vm');

/** @type {Map<string, import('node:vm').Module>} */
const modules = new Map();

/** @param {string} specifier @returns {import('node:vm').Module} */
function find(specifier) {
  const known = modules.get(specifier);
  if (known !== undefined) return known;
  return specifier.startsWith('./') ? load(specifier) : wrap(specifier);
}

/** @param {string} specifier */
function load(specifier) {
  const filename = join(__dirname, specifier);
  const url = pathToFileURL(filename).href;
  const module = new SourceTextModule(readFileSync(filename, 'utf8'), {
    identifier: url,
    initializeImportMeta: (meta) => { Object.assign(meta, { url, filename, dirname: __dirname }); },
    importModuleDynamically: (/** @type {string} */ name) => import(name),
  });
  modules.set(specifier, module); // before its imports: they may come back to it
  module.linkRequests(module.moduleRequests.map((request) => find(request.specifier)));
  return module;
}

/** @param {string} specifier of a builtin */
function wrap(specifier) {
  const builtin = require(specifier);
  const names = Object.keys(builtin);
  const module = new SyntheticModule(['default', ...names], () => {
    module.setExport('default', builtin);
    for (const name of names) module.setExport(name, builtin[name]);
  });
  modules.set(specifier, module);
  return module;
}

const entry = /** @type {import('node:vm').SourceTextModule} */ (find(`./${process.argv[2]}`));
entry.instantiate();
void entry.evaluate();
