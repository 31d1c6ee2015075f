import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { buildSdkPackage } from '@bullpen/infra';
import type * as Sdk from '@bullpen/sdk';
import type { Browser, Page } from 'playwright-core';

import { chromiumPath } from '../services/index.ts';
import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';
import { launchChromium, openPage } from './dashboard-fixture-browser.ts';

jest.setTimeout(60_000);

/** Serves a page of another origin than the API's, and the client's module as it is published. */
async function servePage(moduleFile: string): Promise<Server> {
  const sdk = await readFile(moduleFile);
  const server = createServer((req, res) => {
    if (req.url === '/sdk.js') res.setHeader('content-type', 'text/javascript').end(sdk);
    else res.setHeader('content-type', 'text/html').end('<!doctype html><title>page</title><link rel="icon" href="data:,">');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('the client in a browser', () => {
  let system: RunningSystem;
  let server: Server;
  let browser: Browser;
  let page: Page;
  let complaints: string[];
  let dir: string;
  let access: { baseUrl: string; apiKey: string };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bullpen-sdk-browser-'));
    await buildSdkPackage(join(dir, 'sdk'));
    server = await servePage(join(dir, 'sdk/index.js'));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_CORS_ORIGINS: origin } });
    const acme = await system.organization('acme');
    await deploy(acme, 'counter', 'async ({ n }, ctx) => { for (let i = 0; i < n; i += 1) ctx.emit("tick", i); return n }', { tier: 'basic' });
    await deploy(acme, 'waiter', 'async (_, ctx) => new Promise((done) => ctx.signal.addEventListener("abort", done))', { tier: 'basic' });
    access = { baseUrl: system.apis[0]?.url() as string, apiKey: (await system.admin.keys.create({ orgId: 'acme' })).secret };
    browser = await launchChromium(await chromiumPath());
    ({ page, complaints } = await openPage(browser));
    await page.goto(origin);
  });
  afterAll(async () => {
    await browser.close();
    server.close();
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it('starts a run, follows what it says, and has its result', async () => {
    const seen = await page.evaluate(async (given) => {
      const { createClient } = (await import('/sdk.js' as string)) as typeof Sdk;
      const run = await createClient(given).runs.start<number>({ agent: 'counter', input: { n: 5 } });
      const kinds: string[] = [];
      for await (const item of run.stream()) kinds.push(item.kind === 'event' ? item.event.type : item.kind);
      return { kinds, result: (await run.wait()).result };
    }, access);
    expect(seen.result).toBe(5);
    expect(seen.kinds.filter((kind) => kind === 'emit')).toHaveLength(5);
    expect(seen.kinds.at(-1)).toBe('end');
    expect(complaints).toEqual([]);
  });

  it('throws the API\'s errors with their codes, and stops at an abort', async () => {
    const seen = await page.evaluate(async (given) => {
      const { createClient, BullpenError } = (await import('/sdk.js' as string)) as typeof Sdk;
      const client = createClient(given);
      const refused = await client.runs.create({ agent: 'nobody' }).catch((error: unknown) => (error instanceof BullpenError ? error.code : String(error)));
      const abort = new AbortController();
      const run = await client.runs.start({ agent: 'waiter' });
      setTimeout(() => abort.abort(new Error('seen enough')), 50);
      const aborted = await run.wait({ signal: abort.signal }).catch((error: unknown) => String(error));
      await run.cancel();
      return { refused, aborted, ended: (await run.wait()).state };
    }, access);
    expect(seen).toEqual({ refused: 'AGENT_NOT_FOUND', aborted: 'Error: seen enough', ended: 'cancelled' });
  });
});
