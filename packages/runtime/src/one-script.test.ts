import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { oneScript } from './one-script.ts';

describe('one script out of modules', () => {
  let dir: string;
  beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'bullpen-one-script-')); });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const write = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  /** What the script of a module exports. */
  const exportsOf = (entry: string): Record<string, unknown> => {
    const script = write('script.cjs', oneScript(entry, { parts: { mainPath: join(dir, 'parts.cjs'), insideDir: '/inside/parts' } }));
    return createRequire(import.meta.url)(script) as Record<string, unknown>;
  };

  it('gives every form of import and export that the container uses its meaning', () => {
    write('parts.cjs', 'const facts = require("./facts.json"); const more = require("./more.cjs"); module.exports = { part: facts.part, more, isBuiltin: require("node:path").sep === "/", at: [__filename, __dirname] };\n//# sourceMappingURL=parts.map');
    write('facts.json', '{ "part": 3 }');
    write('more.cjs', 'exports.before = "parts" in require("./parts.cjs");');
    write('base.mjs', `export const one = 1;
export function two() { return 2; }
export class Three { value = 3; }
export async function four() { return 4; }
`);
    const entry = write('entry.mjs', `// import { nothing } from 'a comment';
import { join as joined } from 'node:path';
import path from 'node:path';

import {
  Three, four,
  one as first, two,
} from './base.mjs';
import { at, isBuiltin, more, part } from 'parts';

/** @typedef {import('./base.mjs').Three} T */
export const seen = [first, two(), new Three().value, part, joined === path.join, isBuiltin, more.before, ...at, import.meta.dirname, import.meta.filename];
export default async function all() { return four(); }
`);
    const { seen, default: all, ...rest } = exportsOf(entry);
    expect(seen).toEqual([1, 2, 3, 3, true, true, false, '/inside/parts/parts.cjs', '/inside/parts', dir, join(dir, 'script.cjs')]);
    expect(rest).toEqual({ __esModule: true });
    return expect((all as () => Promise<number>)()).resolves.toBe(4);
  });

  it('executes a module that several import once, before them', () => {
    write('base.mjs', 'export const seen = [];\nseen.push("base");\n');
    write('left.mjs', "import { seen } from './base.mjs';\n\nseen.push('left');\nexport const left = seen;\n");
    const entry = write('entry.mjs', "import { seen } from './base.mjs';\nimport { left } from './left.mjs';\n\nexport const isSame = left === seen;\nexport const order = [...seen, 'entry'];\n");
    expect(exportsOf(entry)).toMatchObject({ isSame: true, order: ['base', 'left', 'entry'] });
  });

  it.each([
    ["import * as all from 'node:fs';"],
    ["import 'node:fs';"],
    ['export let changes = 1;'],
    ['export default 1;'],
    ["export { join } from 'node:path';"],
    ['const here = import.meta.url;'],
    ["import { part } from 'unheard-of';"],
  ])('refuses %s', (text) => {
    const entry = write('entry.mjs', `${text}\n`);
    expect(() => oneScript(entry)).toThrow(entry);
  });
});
