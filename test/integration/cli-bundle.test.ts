import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { bundleAgent } from '@bullpen/cli';

// Ample for a slow machine: a test here starts processes, bundles and whole systems.
jest.setTimeout(120_000);

/** Far from every workspace: nothing is installed here. */
let dir: string;
let badCount = 0;
beforeAll(async () => { dir = await mkdtemp(join(tmpdir(), 'bullpen-cli-bundle-')); });
afterAll(async () => { await rm(dir, { recursive: true, force: true }); });

async function written(file: string, source: string): Promise<string> {
  await mkdir(join(dir, file, '..'), { recursive: true });
  await writeFile(join(dir, file), source);
  return join(dir, file);
}

describe('bundling an agent', () => {
  it('brings the zod of the SDK along where none is installed', async () => {
    const file = await written('checked/agent.ts', `
      import { defineAgent } from '@bullpen/sdk';
      import { z } from 'zod';
      export default defineAgent({ name: 'checked', inputSchema: z.object({ a: z.number() }), run: ({ a }) => a });
    `);
    expect(await bundleAgent({ file })).toMatchObject({ name: 'checked', manifest: { inputSchema: { type: 'object', properties: { a: { type: 'number' } } } } });
  });

  it('makes a hello agent of less than 2 KB, with the SDK of the command where none is installed', async () => {
    const file = await written('hello/agent.ts', `
      import { defineAgent } from '@bullpen/sdk';
      export default defineAgent<{ name: string }, string>({ name: 'hello', memoryMb: 32, run: ({ name }) => 'Hello, ' + name });
    `);
    const bundled = await bundleAgent({ file });
    expect(bundled).toMatchObject({ name: 'hello', manifest: { memoryMb: 32 } });
    expect(bundled.bundleBytes).toBeLessThan(2048);
    expect(bundled.bundle).not.toMatch(/zod|import/);
    expect(await bundleAgent({ file })).toEqual(bundled);
  });

  it('puts the client, too, into a bundle without zod and without anything of Node', async () => {
    const file = await written('caller/agent.ts', `
      import { createClient, defineAgent } from '@bullpen/sdk';
      export default defineAgent({ name: 'caller', run: () => createClient({ baseUrl: 'http://x' }).whoami() });
    `);
    const { bundle, bundleBytes } = await bundleAgent({ file });
    expect(bundle).not.toMatch(/from "(?:node:)?\w+"|Buffer|process\.|ZodType/);
    expect(bundleBytes).toBeLessThan(40_000);
  });

  it('takes in what the agent imports, CommonJS that requires what Node has built in included', async () => {
    await written('mixed/legacy.cjs', `const path = require('path'); module.exports = { join: path.join };`);
    const file = await written('mixed/agent.ts', `
      import legacy from './legacy.cjs';
      import { readFileSync } from 'node:fs';
      export default { name: legacy.join('mi', '..', 'mixed'), run: () => readFileSync };
    `);
    expect((await bundleAgent({ file })).name).toBe('mixed');
  });

  it('takes a plain function under a given name only', async () => {
    const file = await written('plain/agent.mjs', 'export default (input) => input;');
    await expect(bundleAgent({ file })).rejects.toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringContaining('--name') });
    expect(await bundleAgent({ file, name: 'plain' })).toMatchObject({ name: 'plain', manifest: {} });
  });

  it.each([
    ['does not parse', 'export default {', /cannot be bundled: .*agent\.ts:1:/],
    ['imports what is not there', `import x from './gone.ts'; export default x;`, /Could not resolve "\.\/gone\.ts".*agent\.ts:1:/],
    ['exports no agent', 'export const run = 1;', /its default export is not an agent/],
    ['throws when it is loaded', `throw new Error('no luck');`, /it threw while it was loaded: no luck/],
    ['throws nothing at all', 'throw null;', /it threw while it was loaded: null/],
    ['ends its thread', 'process.exit(0);', /it ended its thread/],
  ])('says in one sentence that an agent %s', async (_, source, message) => {
    const file = await written(`bad-${(badCount += 1)}/agent.ts`, source);
    await expect(bundleAgent({ file })).rejects.toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringMatching(message) });
  });

  it('does not wait for top-level code that never ends, and shows it no environment', async () => {
    const file = await written('hang/agent.ts', `if (Object.keys(process.env).length === 0) for (;;); export default () => 1;`);
    await expect(bundleAgent({ file, name: 'hang', loadTimeoutMs: 300 })).rejects.toMatchObject({ code: 'BUNDLE_INVALID', message: expect.stringContaining('did not end within 300 ms') });
  });

  it('refuses a bundle beyond the cap before it is sent', async () => {
    const file = await written('fat/agent.ts', `export default { name: 'fat', text: '${'x'.repeat(9 * 1024 * 1024)}', run: () => 1 };`);
    await expect(bundleAgent({ file })).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
  });
});
