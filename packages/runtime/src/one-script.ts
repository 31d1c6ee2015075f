import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { packaged, type PackagePlace } from './packaged.ts';

/**
 * One script out of the modules of container/, each of them a function in it. Node's loader of ES modules takes 3 ms of a process or
 * a thread, and half a millisecond more for each module: most of what a cell took to start beyond Node itself. It knows the forms in which
 * those modules import and export, and no others. Guarantees: what it does not know is refused, not passed over; each module is executed
 * once, before those that import it; `import.meta` is that of the script, wherever that lies.
 */
const IMPORT = /^import (?:(\w+)|\{([^}]*)\}) from '([^']+)';$/gm;
const EXPORT_DEFAULT = /^export default ((?:async )?function (\w+))/gm;
const EXPORT = /^export ((?:(?:async )?function|class|const) (\w+))/gm;
const META = /\bimport\.meta\.(dirname|filename)\b/g;
/** What is left of another form. */
const UNKNOWN = /^\s*(?:import\b(?!\()|export\b).*|\bimport\.meta\b.*/m;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** Packages in CommonJS, by the names that modules import them by. They come along where one does. */
export type Packages = Readonly<Record<string, PackagePlace>>;

/** @returns a script in CommonJS that exports what the last module does. @throws where a module has a form that it does not know. */
export function oneScript(entryPath: string, packages: Packages = {}): string {
  const modules = new Map<string, string>();
  addModule(entryPath, packages, modules);
  const name = nameOf(entryPath);
  return ["'use strict';", 'const modules = { __proto__: null };', ...modules.values(), `module.exports = modules[${name}];`, ''].join('\n');
}

/** With what it imports before it. @param modules - filled: the text of each by its path, in the order of their execution */
function addModule(path: string, packages: Packages, modules: Map<string, string>): void {
  if (modules.has(path)) return;
  const exported: string[] = [];
  const text = readFileSync(path, 'utf8');
  for (const [, , , from = ''] of text.matchAll(IMPORT)) {
    if (from.startsWith('.')) addModule(join(dirname(path), from), packages, modules);
    else if (!from.startsWith('node:')) addPackage(from, path, packages, modules);
  }
  const body = text
    .replace(IMPORT, (_, whole: string | undefined, names: string | undefined, from: string) =>
      `const ${whole ?? `{${(names ?? '').replaceAll(' as ', ': ')}}`} = ${exportsOf(from)};`)
    .replace(META, (_, what: string) => `__${what}`)
    .replace(EXPORT_DEFAULT, (_, declaration: string, name: string) => noted(exported, `default: ${name}`, declaration))
    .replace(EXPORT, (_, declaration: string, name: string) => noted(exported, name, declaration));
  const unknown = UNKNOWN.exec(body.replace(COMMENT, ''))?.[0];
  if (unknown !== undefined) throw new Error(`${path}: one script cannot hold this: ${unknown.trim()}`);
  modules.set(path, `modules[${nameOf(path)}] = (() => {\n${body}\nreturn { ${['__esModule: true', ...exported].join(', ')} };\n})();`);
}

function noted(exported: string[], name: string, declaration: string): string {
  exported.push(name);
  return declaration;
}

function addPackage(name: string, importer: string, packages: Packages, modules: Map<string, string>): void {
  const place = packages[name];
  if (place === undefined) throw new Error(`${importer}: nobody said where ${name} is`);
  modules.set(name, `modules[${JSON.stringify(name)}] = ${packaged(place)};`);
}

/** An expression. A module of Node gives its default export and its names alike. */
function exportsOf(from: string): string {
  return from.startsWith('node:') ? `require(${JSON.stringify(from)})` : `modules[${nameOf(from)}]`;
}

/** The modules are in one directory. */
function nameOf(path: string): string {
  return JSON.stringify(basename(path));
}
