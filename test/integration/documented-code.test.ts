import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/**
 * The code of the documents, executed: the ```ts blocks of one document are one module, and one that imports again what was
 * imported before begins another. Each is type-checked and run by Node, and what it prints is what the comments behind its
 * `console.log` say.
 */
const DOCUMENTS = ['integration.md', 'testing-agents.md'];

const testDir = fileURLToPath(new URL('..', import.meta.url));
const execute = promisify(execFile);

/** Its modules, by the names of their files. */
async function codeOf(name: string): Promise<Map<string, string>> {
  const text = await readFile(join(testDir, '../docs', name), 'utf8');
  const modules: string[] = [''];
  for (const [, code = ''] of text.matchAll(/^```ts\n(.*?)^```$/gms)) {
    const before = modules.at(-1)!.split('\n');
    if (code.split('\n').some((line) => line.startsWith('import ') && before.includes(line))) modules.push(code);
    else modules[modules.length - 1] += `\n${code}`;
  }
  return new Map(modules.map((code, n) => [`${name}.${n + 1}.ts`, code]));
}

/** `console.log(...) // what it prints`, wherever in a line. */
function promised(code: string): string[] {
  return code.split('\n').filter((line) => line.includes('console.log(')).map((line) => line.split('// ')[1] ?? `no comment behind ${line}`);
}

/** Node breaks long objects over lines; a comment does not. */
const onOneLine = (printed: string): string => printed.replace(/\s+/g, ' ').trim();

describe('the code in docs/', () => {
  let system: RunningSystem;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(testDir, '.documented-'));
    system = await startSystem({ queue: 'redis', workers: 1 });
    const acme = await system.organization('acme');
    await deploy(acme, 'invoice', 'async ({ amount, discount = 0 }) => ({ total: amount * 1.2 - discount })');
  });
  afterAll(async () => {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it.each(DOCUMENTS)('%s prints what its comments say', async (name) => {
    const env = { ...process.env, BULLPEN_API_URL: system.apis[0]?.url(), BULLPEN_API_KEY: ADMIN_KEY, NO_COLOR: '1' };
    for (const [file, code] of await codeOf(name)) {
      await writeFile(join(dir, file), code);
      const { stdout } = await execute(process.execPath, ['--disable-warning=ExperimentalWarning', join(dir, file)], { env, timeout: 60_000 });
      expect(onOneLine(stdout)).toBe(onOneLine(promised(code).join('\n')));
    }
  });

  it('is typed', async () => {
    for (const name of DOCUMENTS) for (const [file, code] of await codeOf(name)) await writeFile(join(dir, file), code);
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'] }));
    const tsc = join(testDir, 'node_modules/typescript/bin/tsc');
    const { stdout } = await execute(process.execPath, [tsc, '-p', dir], { timeout: 120_000 }).catch((failed: { stdout: string }) => failed);
    expect(stdout).toBe('');
  });
});
