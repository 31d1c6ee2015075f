import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { bundleAgent } from '@bullpen/cli';
import { CHECKOUT_DIR } from '@bullpen/infra';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { parseAllDocuments } from 'yaml';

import { docBlocks, indentedCommands, wordOf, type DocBlock } from '../system/doc-blocks.ts';
import { DocFolder, type BlockResult } from '../system/doc-folder.ts';
import { ADMIN_KEY, startSystem, type RunningSystem } from '../system/running-system.ts';

// A page may start dozens of commands.
jest.setTimeout(400_000);

/** The pages of the repository; database.md is generated from the database, and compared with it elsewhere. */
const PAGES = ['README.md', ...readdirSync(join(CHECKOUT_DIR, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
const textOf = (page: string): string => readFileSync(join(CHECKOUT_DIR, page), 'utf8');
/** Its blocks are one module, executed by documented-code.test.ts, which looks at what they print as well. */
const ELSEWHERE = new Set(['docs/integration.md']);
const EXECUTED = PAGES.filter((page) => !ELSEWHERE.has(page) && docBlocks(textOf(page)).length > 0);

/** Drawings and what programs print: nothing to execute. */
const NOT_CODE = new Set(['mermaid', 'text', 'http']);
const SDK = "import { defineAgent } from '@bullpen/sdk';\n";

/** Where processes and commands read their environment. */
const CONFIGS = ['apps/api/src/config.ts', 'apps/worker/src/config.ts', 'apps/cli/src/config.ts', 'packages/process/src/settings.ts', 'infra/local/config.ts'];
/** Set by the bootstrap and by every shell. */
const NOT_FOR_PEOPLE = ['PATH', 'TERM', 'BULLPEN_STARTED_AT_MS'];

describe('docs/operations.md', () => {
  it('names every variable that a process or the command reads', () => {
    const read = CONFIGS.flatMap((file) => [...textOf(file).matchAll(/^\s+([A-Z][A-Z0-9_]+): z\.|env\['([A-Z0-9_]+)'\]/gm)].map((match) => match[1] ?? match[2]!));
    expect(read.length).toBeGreaterThan(20);
    const page = textOf('docs/operations.md');
    expect([...new Set(read)].filter((name) => !NOT_FOR_PEOPLE.includes(name) && !page.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the blocks of the pages', () => {
  let system: RunningSystem;
  let credentials: { apiUrl: string; adminKey: string; orgs: Record<string, string> };
  let folder: DocFolder;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    credentials = { apiUrl: system.apis[0]!.url(), adminKey: ADMIN_KEY, orgs: {} };
    for (const orgId of ['acme', 'globex']) {
      await system.organization(orgId);
      credentials.orgs[orgId] = (await system.admin.keys.create({ orgId, role: 'owner' })).secret;
    }
    await deployExample('globex', 'long-report');
    // What the first steps of the quickstart leave behind.
    await system.clientOf(system.apis[0]!, 'acme').agents.deploy('hello', { bundle: 'export default { name: "hello", run: (input, ctx) => { ctx.log("counting"); return { words: (input?.text ?? "").split(" ").length }; } };\n' });
    await system.clientOf(system.apis[0]!, 'acme').agents.deploy('greeter', { bundle: 'export default { name: "greeter", run: (input) => input };\n' });
  });
  afterAll(async () => { await system.stop(); });
  beforeEach(() => { folder = new DocFolder(credentials); });
  afterEach(() => { folder.remove(); });

  async function deployExample(orgId: string, name: string): Promise<void> {
    const { bundle, manifest } = await bundleAgent({ file: join(CHECKOUT_DIR, 'examples/agents', name, 'agent.ts') });
    await system.clientOf(system.apis[0]!, orgId).agents.deploy(name, { bundle, manifest });
  }

  it('are fenced where they hold commands: what is indented is executed by nobody', () => {
    expect(PAGES.flatMap((page) => (page === 'docs/cli.md' ? [] : indentedCommands(textOf(page)).map((line) => `${page}: ${line.trim()}`)))).toEqual([]);
  });

  it.each(EXECUTED)('of %s do what they show, in their order, in a fresh folder', async (page) => {
    for (const [index, block] of docBlocks(textOf(page)).entries()) {
      const { exitCode, said } = await execute(block, index);
      expect({ block: `${page}:${block.line}`, exitCode, said: exitCode === 0 ? '' : said }).toEqual({ block: `${page}:${block.line}`, exitCode: 0, said: '' });
    }
  });

  async function execute(block: DocBlock, index: number): Promise<BlockResult> {
    const { language, text } = block;
    const file = wordOf(block, 'file');
    if (file !== undefined) folder.write(file, text);
    switch (language) {
      case 'sh': case 'bash': return folder.shell(text);
      case 'ts': case 'js': return executeModule(block, file ?? `block-${index}.${language}`);
      case 'json': return sound(() => JSON.parse(text));
      case 'yaml': case 'yml': return sound(() => {
        for (const document of parseAllDocuments(text)) if (document.errors.length > 0) throw document.errors[0];
      });
      default: return NOT_CODE.has(language) ? { exitCode: 0, said: '' } : { exitCode: 1, said: `nobody knows how to execute a block of "${language}"` };
    }
  }

  /** An agent is bundled and loaded as `bullpen deploy` does; a fragment is a part of one; everything else is a program that runs. */
  async function executeModule(block: DocBlock, file: string): Promise<BlockResult> {
    const { text, language, words } = block;
    const isFragment = words.includes('fragment');
    const isAgent = isFragment || /^export default /m.test(text);
    if (!isAgent) return folder.module(file, text, { BULLPEN_API_URL: credentials.apiUrl, BULLPEN_API_KEY: credentials.orgs['acme']! });
    const imports = text.split('\n').filter((line) => line.startsWith('import ')).join('\n');
    const body = isFragment ? `${imports}\nexport default defineAgent({ name: 'fragment', run: async (input${language === 'ts' ? ': any' : ''}, ctx) => {\n${text.replace(/^import .*$/gm, '')}\n} });\n` : text;
    folder.write(file, body.includes("from '@bullpen/sdk'") ? body : SDK + body);
    const bundled = await sound(() => bundleAgent({ file: join(folder.path, file) }));
    return bundled.exitCode === 0 && language === 'ts' ? typeCheck(file) : bundled;
  }

  function typeCheck(file: string): Promise<BlockResult> {
    const compiler = join(CHECKOUT_DIR, 'node_modules/.bin/tsc');
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--module', 'esnext', '--moduleResolution', 'bundler', '--allowImportingTsExtensions', '--types', 'node'];
    return sound(() => execFileSync(compiler, [...flags, file], { cwd: folder.path, encoding: 'utf8', stdio: 'pipe' }));
  }
});

/** What throws has failed, with what it said. */
async function sound(act: () => unknown): Promise<BlockResult> {
  try {
    await act();
    return { exitCode: 0, said: '' };
  } catch (error) {
    const { stdout, message } = error as Error & { stdout?: string };
    return { exitCode: 1, said: `${message}\n${stdout ?? ''}` };
  }
}
