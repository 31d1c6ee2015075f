import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const dashboardDir = fileURLToPath(new URL('../../apps/dashboard/', import.meta.url));

const CHROMIUM_FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

export interface BuiltDashboard {
  dir: string;
  remove(): Promise<void>;
}

/** Builds the dashboard of this checkout into a folder of its own, so that a test never looks at an old build. */
export async function buildDashboard(): Promise<BuiltDashboard> {
  const dir = await mkdtemp(path.join(tmpdir(), 'bullpen-dashboard-'));
  const vite = path.join(dashboardDir, 'node_modules/vite/bin/vite.js');
  await promisify(execFile)(process.execPath, [vite, 'build', '--outDir', dir, '--emptyOutDir', '--logLevel', 'warn'], { cwd: dashboardDir });
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}

/** Gzipped size of the scripts that the page loads at its start. */
export async function initialScriptBytes(dir: string): Promise<number> {
  const html = await readFile(path.join(dir, 'index.html'), 'utf8');
  const names = (await readdir(path.join(dir, 'assets'))).filter((name) => name.endsWith('.js') && html.includes(name));
  const scripts = await Promise.all(names.map((name) => readFile(path.join(dir, 'assets', name))));
  return scripts.reduce((sum, script) => sum + gzipSync(script).length, 0);
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
}

/** A page of its own session, and what it complained about in its console: errors, exceptions, policy violations. */
export interface WatchedPage {
  page: Page;
  complaints: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  return { page, complaints };
}
