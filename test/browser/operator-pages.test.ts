import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BullpenClient } from '@bullpen/sdk';
import type { Browser } from 'playwright-core';

import { chromiumPath } from '../services/index.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';
import { launchChromium, openPage } from './dashboard-fixture-browser.ts';

/** The operator's pages as the API serves them, with real runs behind them. The dashboard was built by the test command. */
describe('the operator\'s pages', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let browser: Browser;
  const url = (path: string) => `${system.apis[0]?.url()}${path}`;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis' });
    acme = await system.organization('acme');
    await deploy(acme, 'napper', 'async (_input, ctx) => { await new Promise((done) => ctx.signal.addEventListener("abort", done)); }', { timeoutMs: 120_000 });
    await deploy(acme, 'thrower', 'async () => { throw new Error("on purpose"); }');
    browser = await launchChromium(await chromiumPath());
  });
  afterAll(async () => {
    await browser.close();
    await system.stop();
  });

  it('let the operator in by the address that npm start prints, and show and cancel a real run', async () => {
    await acme.runs.create({ agent: 'thrower' }, { wait: '30s' });
    const napping = await acme.runs.create({ agent: 'napper' });
    const { page, complaints } = await openPage(browser, { reducedMotion: 'reduce' });
    page.setDefaultTimeout(15_000);
    await page.goto(url(`/admin/runtime#key=${ADMIN_KEY}`));
    await page.getByText('acme').first().waitFor();
    expect(page.url()).not.toContain(ADMIN_KEY);
    await page.getByText('AGENT_THREW').first().waitFor();

    await page.goto(url(`/admin/runtime?run=acme/${napping.id}`));
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('button', { name: 'Yes, cancel it' }).click();
    expect(await acme.runs.wait(napping.id)).toMatchObject({ state: 'cancelled' });
    await page.getByRole('cell', { name: 'cancelled' }).first().waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('show the queue of every organization, to the operator alone', async () => {
    const { page } = await openPage(browser, { httpCredentials: { username: 'admin', password: ADMIN_KEY } });
    await page.goto(url('/admin/queues'));
    await page.getByText('acme').first().waitFor();
    await page.context().close();

    const stranger = await fetch(url('/admin/queues'));
    expect([stranger.status, stranger.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="bullpen"']);
  });
});
