import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/**
 * The code of the documents, executed: the ```ts blocks of one document are one module, type-checked and run by Node, and what
 * it prints is what the comments behind its `console.log` say.
 */
const DOCUMENTS = ['integration.md', 'testing-agents.md'];

const testDir = fileURLToPath(new URL('..', import.meta.url));
const execute = promisify(execFile);

async function codeOf(name: string): Promise<string> {
  const text = await readFile(join(testDir, '../docs', name), 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');
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
    const code = await codeOf(name);
    const file = join(dir, `${name}.ts`);
    await writeFile(file, code);
    const env = { ...process.env, BULLPEN_API_URL: system.apis[0]?.url(), BULLPEN_API_KEY: ADMIN_KEY, NO_COLOR: '1' };
    const { stdout } = await execute(process.execPath, ['--disable-warning=ExperimentalWarning', file], { env, timeout: 60_000 });
    expect(onOneLine(stdout)).toBe(onOneLine(promised(code).join('\n')));
  });

  it('is typed', async () => {
    await Promise.all(DOCUMENTS.map(async (name) => writeFile(join(dir, `${name}.ts`), await codeOf(name))));
    await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.base.json', compilerOptions: { noUnusedLocals: false }, include: ['*.ts'] }));
    const tsc = join(testDir, 'node_modules/typescript/bin/tsc');
    const { stdout } = await execute(process.execPath, [tsc, '-p', dir], { timeout: 120_000 }).catch((failed: { stdout: string }) => failed);
    expect(stdout).toBe('');
  });
});
