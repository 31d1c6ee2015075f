import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';

import { chromiumPath } from '../services/index.ts';
import {
  buildDashboard, initialScriptBytes, launchChromium, openPage, type BuiltDashboard, type WatchedPage,
} from './dashboard-fixture-browser.ts';
import { runOf, seeded } from './dashboard-fixture-data.ts';
import { DashboardFixture } from './dashboard-fixture.ts';

jest.setTimeout(60_000);

const MOST_INITIAL_SCRIPT_BYTES = 250 * 1024;
/** Chromium's own line for an answer that is an error; the tests that provoke one expect it. */
const FAILED_REQUEST = /^Failed to load resource/;

let built: BuiltDashboard;
let fixture: DashboardFixture;
let browser: Browser;
const watched: WatchedPage[] = [];
/** Console lines that the test provokes. */
let expected: RegExp | null = null;

beforeAll(async () => {
  built = await buildDashboard();
  fixture = new DashboardFixture(built.dir);
  await fixture.start();
  browser = await launchChromium(await chromiumPath());
});

afterAll(async () => {
  await browser.close();
  await fixture.stop();
  await built.remove();
});

beforeEach(() => {
  fixture.show('two');
  expected = null;
});

afterEach(async () => {
  const complaints = watched.flatMap((one) => one.complaints).filter((line) => expected?.test(line) !== true);
  await Promise.all(watched.splice(0).map(({ page }) => page.context().close()));
  expect(complaints).toEqual([]);
});

async function newPage(options?: BrowserContextOptions): Promise<Page> {
  const one = await openPage(browser, { reducedMotion: 'reduce', ...options });
  watched.push(one);
  return one.page;
}

/** A signed-in page that shows the board with its figures. */
async function openBoard(options?: BrowserContextOptions): Promise<Page> {
  const page = await newPage(options);
  await page.goto(fixture.signInUrl);
  await figures(page).waitFor();
  return page;
}

const figures = (page: Page): Locator => page.getByText(/\d per minute/);
const table = (page: Page, name: string | RegExp): Locator => page.getByRole('table', { name });
const organizationNames = (page: Page): Promise<string[]> => table(page, 'Organizations').locator('td.lead a').allTextContents();
const firstRunIn = (state: string) => {
  const run = fixture.scene.status.recentRuns.find((one) => one.state === state);
  if (run === undefined) throw new Error(`the scene has no run that is ${state}`);
  return run;
};
const openRun = async (page: Page, run: { orgId: string; id: string }): Promise<Locator> => {
  await page.goto(`${fixture.url}/?run=${run.orgId}/${run.id}`);
  await page.getByRole('dialog').waitFor();
  return page.getByRole('dialog');
};

describe('signing in', () => {
  it('takes the key from the link and leaves no trace of it in the address or the history', async () => {
    const page = await newPage();
    await page.goto(`${fixture.url}/?org=acme-analytics#key=${encodeURIComponent(fixture.adminKey)}`);
    await page.getByRole('dialog', { name: 'Acme Analytics' }).waitFor();
    expect(page.url()).toBe(`${fixture.url}/?org=acme-analytics`);
    await page.goto(`${fixture.url}/?find=x`);
    await page.goBack();
    await page.getByRole('dialog', { name: 'Acme Analytics' }).waitFor();
    expect(page.url()).not.toContain('key');
  });

  it('asks for a key, says in words why it took none, and opens the board with the right one', async () => {
    expected = FAILED_REQUEST;
    const page = await newPage();
    await page.goto(fixture.url);
    await page.getByLabel('Admin key').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This key is unknown, expired or revoked.').waitFor();
    await page.getByLabel('Admin key').fill(fixture.adminKey);
    await page.keyboard.press('Enter');
    await figures(page).waitFor();
  });

  it('signs out, and asks the server for nothing more', async () => {
    const page = await openBoard();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    const cookies = await page.context().cookies();
    expect(cookies).toEqual([]);
    expected = FAILED_REQUEST;
    await page.reload();
    await page.getByLabel('Admin key').waitFor();
  });

  it('says that a session has ended, and goes on where it was after the next sign-in', async () => {
    expected = FAILED_REQUEST;
    const page = await openBoard();
    await table(page, 'Organizations').getByRole('link', { name: 'Birch Logistics' }).click();
    fixture.endSessions();
    await page.getByText('Your session has ended. Sign in again.').waitFor();
    await page.getByLabel('Admin key').fill(fixture.adminKey);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Birch Logistics' }).waitFor();
  });

  it('does not blame the key when the server is down', async () => {
    expected = FAILED_REQUEST;
    fixture.failure = 'drop';
    const page = await newPage();
    await page.goto(fixture.signInUrl);
    await page.getByText('The server cannot be reached. Your key was not checked.').waitFor();
  });
});

describe('alerts', () => {
  it('stand above the figures with why, and who holds what is waited for; and are acknowledged', async () => {
    fixture.show('hundred');
    const page = await openBoard();
    const starved = table(page, 'Alerts').getByRole('row').filter({ hasText: 'Organization starved' });
    await starved.getByText('has waited 94 s').waitFor();
    expect(await starved.getByRole('link').allTextContents()).toHaveLength(2);
    await page.getByText('1 critical alert fires').waitFor();
    await starved.getByRole('button', { name: /^Acknowledge/ }).click();
    await starved.getByText('operator').waitFor();
    await page.getByText('1 critical alert fires').waitFor({ state: 'detached' });
  });

  it('take no room where there are none', async () => {
    const page = await openBoard();
    expect(await table(page, 'Alerts').count()).toBe(0);
  });
});

describe('webhooks', () => {
  it('are shown with those in trouble first, and what did not arrive is sent again', async () => {
    fixture.show('hundred');
    const page = await openBoard();
    const endpoints = table(page, 'Webhooks');
    expect(await endpoints.getByRole('row').nth(1).textContent()).toMatch(/failing/);
    await page.getByText('2 of 4 endpoints in trouble').waitFor();
    const row = table(page, 'Deliveries that did not arrive').getByRole('row').filter({ hasText: 'it answered 503' });
    await row.getByRole('button', { name: /^Send run\.failed of .* again$/ }).click();
    await row.waitFor({ state: 'detached' });
    expect(fixture.replayed).toEqual(['dlv_1']);
  });

  it('take no room where there are none', async () => {
    const page = await openBoard();
    expect(await table(page, 'Webhooks').count()).toBe(0);
  });
});

describe('the live board', () => {
  it('shows a new run and a change of state without a reload', async () => {
    const page = await openBoard();
    await page.evaluate('window.notReloaded = true');
    const running = firstRunIn('running');
    const row = table(page, /^Recent runs/).getByRole('row').filter({ hasText: running.id.slice(-8) });
    await row.getByText('running').waitFor();
    const newcomer = runOf(0, 'acme-analytics', seeded(99), Date.now(), 'queued');
    fixture.scene.status.recentRuns.unshift(newcomer);
    Object.assign(running, { state: 'succeeded', finishedAt: new Date().toISOString() });
    await table(page, /^Recent runs/).getByRole('row').filter({ hasText: newcomer.id.slice(-8) }).waitFor();
    await row.getByText('succeeded').waitFor();
    expect(await page.evaluate('window.notReloaded')).toBe(true);
  });

  it('says what needs attention, and says it in the title of the tab', async () => {
    const page = await openBoard();
    await page.getByRole('status').getByText('Working normally').waitFor();
    fixture.scene.status.workers = [];
    await page.getByText(/^No worker is connected, \d+ runs wait\.$/).waitFor();
    await page.getByRole('status').getByText('Not working').waitFor();
    expect(await page.title()).toBe('Not working · Bullpen runtime');
  });

  it.each(['refuse', 'drop'] as const)('says since when its data is stale when requests fail (%s), keeps it, and recovers', async (mode) => {
    expected = FAILED_REQUEST;
    const page = await openBoard();
    fixture.failure = mode;
    await page.getByText(/^Stale since \d\d:\d\d:\d\d$/).waitFor();
    await page.getByText(/The data below is \d+ s old; trying again\./).waitFor();
    await page.getByText('State unknown').waitFor();
    expect(await organizationNames(page)).toEqual(expect.arrayContaining(['Acme Analytics', 'Birch Logistics']));
    fixture.failure = null;
    await page.getByText(/^Stale since/).waitFor({ state: 'detached' });
    await page.getByText('Working normally').waitFor();
  });

  it('asks nothing of the server while its tab is hidden, and catches up when it is shown', async () => {
    const page = await newPage();
    await page.clock.install();
    await page.goto(fixture.signInUrl);
    await figures(page).waitFor();
    const setVisibility = (state: string): Promise<unknown> =>
      page.evaluate(`Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`);
    // Right after an answer no request is under way.
    await page.waitForResponse(/runtime\/status/);
    await setVisibility('hidden');
    const before = fixture.statusCount;
    await page.clock.runFor(60_000);
    expect(fixture.statusCount).toBe(before);
    const answer = page.waitForResponse(/runtime\/status/);
    await setVisibility('visible');
    await answer;
  });

  it('tells an operator with an empty system what to do', async () => {
    fixture.show('empty');
    const page = await openBoard();
    await page.getByText('npx bullpen run my-agent').waitFor();
    await page.getByText('npx bullpen up').waitFor();
    await page.getByText('POST /v1/organizations').waitFor();
    await page.getByText('No containers yet').waitFor();
  });
});

describe('organizations', () => {
  it('are sorted by a click on a heading, keyboard included, and the order survives a reload', async () => {
    fixture.show('hundred');
    const page = await openBoard();
    const heading = table(page, 'Organizations').getByRole('columnheader', { name: 'Organization' });
    await heading.getByRole('button').focus();
    await page.keyboard.press('Enter');
    expect((await organizationNames(page)).slice(0, 2)).toEqual(['Acme Analytics', 'Acme Foods']);
    expect(await heading.getAttribute('aria-sort')).toBe('ascending');
    await page.keyboard.press('Enter');
    expect((await organizationNames(page))[0]).toBe('Juniper Travel');
    await page.reload();
    await figures(page).waitFor();
    expect((await organizationNames(page))[0]).toBe('Juniper Travel');
  });

  it('are filtered by text, with their containers, and all hundred can be shown', async () => {
    fixture.show('hundred');
    const page = await openBoard();
    expect(await organizationNames(page)).toHaveLength(12);
    await page.getByRole('button', { name: 'Show all 100 organizations' }).click();
    expect(await organizationNames(page)).toHaveLength(100);
    await page.getByLabel('Find an organization').fill('ginkgo l');
    expect((await organizationNames(page)).toSorted()).toEqual(['Ginkgo Labs', 'Ginkgo Logistics']);
    const groups = await table(page, 'Containers by organization').getByRole('rowheader').getByRole('link').allTextContents();
    expect(groups.toSorted()).toEqual(['ginkgo-labs', 'ginkgo-logistics']);
    await page.getByLabel('Find an organization').fill('nobody');
    await page.getByRole('button', { name: 'Show all', exact: true }).click();
    expect(await organizationNames(page)).toHaveLength(12);
  });

  it('open a detail with their containers and runs, which Escape closes and "back" undoes', async () => {
    const page = await openBoard();
    const link = table(page, 'Organizations').getByRole('link', { name: 'Acme Analytics' });
    await link.focus();
    await page.keyboard.press('Enter');
    const detail = page.getByRole('dialog', { name: 'Acme Analytics' });
    await detail.getByRole('table', { name: 'Containers by organization' }).waitFor();
    await detail.getByText('Queue wait p95', { exact: true }).waitFor();
    await detail.getByRole('table', { name: 'Recent runs of Acme Analytics' }).getByRole('link').first().click();
    await page.getByRole('dialog', { name: /^run_/ }).waitFor();
    await page.goBack();
    await detail.waitFor();
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    expect(page.url()).toBe(fixture.url);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Acme Analytics');
  });
});

describe('runs', () => {
  it('are filtered by state and organization', async () => {
    const page = await openBoard();
    const states = (): Promise<string[]> => table(page, /^Recent runs/).locator('td.col-state').allTextContents();
    await page.getByLabel('State of the runs').selectOption('unfinished');
    expect(new Set(await states())).toEqual(new Set(['queued', 'running', 'retrying', 'scheduled']));
    await page.getByLabel('State of the runs').selectOption('running');
    await page.getByLabel('Organization of the runs').selectOption('acme-analytics');
    const wanted = fixture.scene.status.recentRuns.filter(({ orgId, state }) => orgId === 'acme-analytics' && state === 'running');
    expect(await states()).toEqual(wanted.map(() => 'running'));
    await page.getByLabel('State of the runs').selectOption('crashed');
    await page.getByRole('button', { name: 'Show all runs' }).click();
    await page.getByRole('button', { name: 'Show all 40 runs' }).waitFor();
  });

  it('open a panel with timeline, usage, error and stack, and the link to it can be shared', async () => {
    const run = firstRunIn('failed');
    const page = await openBoard();
    const panel = await openRun(page, run);
    expect(await panel.locator('.timeline-name').allTextContents()).toEqual(['queued', 'claimed', 'started', 'finished']);
    await panel.getByText('AGENT_THREW').waitFor();
    await panel.getByRole('region', { name: 'Stack of the error' }).getByText('at summarize').waitFor();
    await panel.getByText('Peak heap').waitFor();
    await panel.getByText(run.id, { exact: true }).waitFor();
    expect(await panel.getByRole('button', { name: 'Cancel run' }).count()).toBe(0);
  });

  it('stay open after they have left the list, and say so', async () => {
    const run = firstRunIn('failed');
    const page = await openBoard();
    const panel = await openRun(page, run);
    fixture.scene.status.recentRuns = fixture.scene.status.recentRuns.filter(({ id }) => id !== run.id);
    await panel.getByText('This run has left the list of recent runs').waitFor();
    await panel.getByText('AGENT_THREW').waitFor();
    await page.reload();
    await panel.getByText('This run is not among the recent runs').waitFor();
  });

  it('are cancelled after a second question, once', async () => {
    const run = firstRunIn('running');
    const page = await openBoard();
    const panel = await openRun(page, run);
    await panel.getByRole('button', { name: 'Cancel run' }).click();
    await panel.getByRole('button', { name: 'Keep it' }).click();
    expect(fixture.cancelled).toEqual([]);
    await panel.getByRole('button', { name: 'Cancel run' }).click();
    await panel.getByRole('button', { name: 'Yes, cancel it' }).click();
    await panel.getByText('Cancel requested: its worker is ending the run.').waitFor();
    expect(fixture.cancelled).toEqual([`${run.orgId}/${run.id}`]);
  });

  it('that could not be cancelled say why', async () => {
    expected = FAILED_REQUEST;
    fixture.cancelRefusal = 'RUN_ALREADY_FINISHED';
    const run = firstRunIn('running');
    const page = await openBoard();
    const panel = await openRun(page, run);
    await panel.getByRole('button', { name: 'Cancel run' }).click();
    await panel.getByRole('button', { name: 'Yes, cancel it' }).click();
    await panel.getByText(`Not cancelled. run ${run.id} has succeeded`).waitFor();
  });

  it('unfold the message of their error in the list', async () => {
    const page = await openBoard();
    const fold = table(page, /^Recent runs/).locator('details').first();
    await fold.locator('summary').click();
    expect(await fold.locator('p').isVisible()).toBe(true);
    expect(await page.getByRole('dialog').count()).toBe(0);
  });
});

describe('the chart', () => {
  it('is read with the arrow keys and as a table', async () => {
    const page = await openBoard();
    const chart = page.getByRole('slider', { name: 'Finished runs over time' });
    await chart.focus();
    await page.keyboard.press('End');
    const last = await chart.getAttribute('aria-valuetext');
    expect(last).toMatch(/^\d\d:\d\d–\d\d:\d\d: \d+ succeeded, \d+ failed$/);
    await page.keyboard.press('ArrowLeft');
    expect(await chart.getAttribute('aria-valuetext')).not.toBe(last);
    await page.getByText(await chart.getAttribute('aria-valuetext') ?? 'nothing').waitFor();
    await page.getByText('Values as a table').click();
    const rows = page.getByRole('region', { name: 'Finished runs over time, as a table' }).getByRole('row');
    const cells = await rows.nth(1).getByRole('cell').allTextContents();
    expect(last).toContain(`${cells[1]} succeeded, ${cells[2]} failed`);
  });
});

describe('the page as a whole', () => {
  it.each([[390, 'empty'], [390, 'two'], [390, 'hundred'], [820, 'hundred'], [1440, 'empty'], [1440, 'two'], [1440, 'hundred']] as const)(
    'never scrolls sideways: %d px, %s', async (width, scene) => {
      fixture.show(scene);
      const page = await openBoard({ viewport: { width, height: 844 } });
      const excess = (): Promise<unknown> => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      expect(await excess()).toBe(0);
      for (const name of await page.getByRole('button', { name: /^Show (all|the containers)/ }).allTextContents()) await page.getByRole('button', { name }).click();
      expect(await excess()).toBe(0);
      const [organization] = fixture.scene.status.organizations;
      if (organization !== undefined) {
        await page.goto(`${fixture.url}/?org=${organization.id}`);
        await page.getByRole('dialog').waitFor();
        expect(await excess()).toBe(0);
      }
    },
  );

  it('keeps the board out of reach behind a detail that covers it', async () => {
    const page = await openBoard({ viewport: { width: 390, height: 844 } });
    await openRun(page, firstRunIn('failed'));
    expect(await page.locator('.page').getAttribute('inert')).not.toBeNull();
    await page.getByRole('button', { name: 'Close the run' }).click();
    expect(await page.locator('.page').getAttribute('inert')).toBeNull();
  });

  it('lives under a policy that allows nothing but its own files, and the policy is in force', async () => {
    const page = await openBoard();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.reload();
    await figures(page).waitFor();
    const origin = new URL(fixture.url).origin;
    expect(asked.filter((url) => !url.startsWith(origin))).toEqual([]);
    expected = /Content Security Policy/;
    await page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.injected = true' }))");
    expect(await page.evaluate('window.injected')).toBeUndefined();
  });

  it('loads less script than its limit', async () => {
    expect(await initialScriptBytes(built.dir)).toBeLessThanOrEqual(MOST_INITIAL_SCRIPT_BYTES);
  });
});

describe('what an operator can see and end', () => {
  it('shows what each worker enforces of each tier, with the cases tried', async () => {
    const page = await openBoard();
    const table = page.getByRole('table', { name: 'Isolation by worker and tier' });
    expect(await table.getByText('refused', { exact: true }).count()).toBe(1);
    expect(await table.getByText('weaker', { exact: true }).count()).toBe(1);
    await table.getByText('1 of 3 did not hold').last().click();
    await table.getByText('did not hold: has a pid namespace of its own').last().waitFor();
  });

  it('kills the container of a running run after asking once more', async () => {
    const run = fixture.scene.status.recentRuns.find(({ state }) => state === 'running');
    const page = await newPage();
    await page.goto(fixture.signInUrl);
    await figures(page).waitFor();
    await page.goto(`${fixture.url}?run=${run?.orgId}/${run?.id}`);
    await page.getByRole('button', { name: 'Kill container' }).click();
    expect(fixture.killed).toEqual([]);
    await page.getByRole('button', { name: 'Yes, kill it' }).click();
    await page.getByText('Its worker was told to kill the container.').waitFor();
    expect(fixture.killed).toEqual([`${run?.orgId}/${run?.id}`]);
  });
});
