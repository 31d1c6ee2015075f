import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** A package in CommonJS: its main file, and where the directory of that is to the code that it becomes a part of. */
export interface PackagePlace {
  readonly mainPath: string;
  readonly insideDir: string;
}

const REQUIRED = /\brequire\("(\.[^"]+)"\)/g;
const SOURCE_MAP = /^\/\/# sourceMappingURL=.*$/gm;

/** What Node does with the files of a package, for files that are functions: each is executed when it is first required, cycles included. */
const LOADER = `const loaded = { __proto__: null };
const requireFrom = (path) => {
  if (loaded[path] === undefined) {
    const module = loaded[path] = { exports: {} };
    const { links, run } = files[path];
    run(module, module.exports, (name) => (name in links ? requireFrom(links[name]) : require(name)), path, path.slice(0, path.lastIndexOf('/')));
  }
  return loaded[path].exports;
};`;

/** An expression: what a package exports, with all of its files that it requires by name. Its other packages are left to \`require\`. */
export function packaged({ mainPath, insideDir }: PackagePlace): string {
  const insideOf = (path: string): string => join(insideDir, relative(dirname(mainPath), path));
  const files = new Map<string, string>();
  addFile(mainPath, insideOf, files);
  return `(() => {\nconst files = { __proto__: null };\n${[...files.values()].join('\n')}\n${LOADER}\nreturn requireFrom(${JSON.stringify(insideOf(mainPath))});\n})()`;
}

/** @param files - filled: the text of each by its path */
function addFile(path: string, insideOf: (path: string) => string, files: Map<string, string>): void {
  if (files.has(path)) return;
  files.set(path, '');
  const text = readFileSync(path, 'utf8').replace(SOURCE_MAP, '');
  const { resolve } = createRequire(path);
  const links: Record<string, string> = {};
  for (const [, name = ''] of text.matchAll(REQUIRED)) {
    const found = resolve(name);
    addFile(found, insideOf, files);
    links[name] = insideOf(found);
  }
  const body = path.endsWith('.json') ? `module.exports = ${text};` : text;
  files.set(path, `files[${JSON.stringify(insideOf(path))}] = { links: { __proto__: null, ...${JSON.stringify(links)} }, run(module, exports, require, __filename, __dirname) {\n${body}\n} };`);
}
