import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { requireProgram } from '../services/programs.ts';
import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

const GRAFANA = fileURLToPath(new URL('../../infra/grafana/', import.meta.url));

let promtool: string;
let system: RunningSystem;

beforeAll(async () => {
  promtool = requireProgram('promtool');
  system = await startSystem({ queue: 'redis' });
  const acme = await system.organization('acme');
  await deploy(acme, 'echo', '(input) => input', { tier: 'basic' });
  await deploy(acme, 'breaks', '() => { throw new Error("no"); }', { tier: 'basic' });
  for (const agent of ['echo', 'breaks']) await acme.runs.create({ agent, maxAttempts: 1 }, { wait: '30s' });
});
afterAll(() => system.stop());

const pages = async () => {
  const urls = [system.apis[0]?.url(), system.workers[0]?.probeUrl()];
  return Promise.all(urls.map((url) => `${url}/metrics`).map(async (url) => (await fetch(url)).text()));
};

describe('what Prometheus scrapes', () => {
  it('of API and worker passes promtool', async () => {
    for (const page of await pages()) {
      const checked = spawnSync(promtool, ['check', 'metrics'], { input: page, encoding: 'utf8' });
      expect(`${checked.stdout}${checked.stderr}`.trim()).toBe('');
      expect(checked.status).toBe(0);
    }
  });

  it('counts runs by outcome and requests by route, and names no organization and no run', async () => {
    const [api = '', worker = ''] = await pages();
    expect(worker).toMatch(/^bullpen_runs_finished_total\{outcome="succeeded",tier="basic"\} 1$/m);
    expect(worker).toMatch(/^bullpen_runs_finished_total\{outcome="failed",tier="basic"\} 1$/m);
    expect(worker).toMatch(/^bullpen_worker_slots \d+$/m);
    expect(api).toMatch(/^bullpen_http_requests_total\{method="POST",route="\/v1\/runs",status="20[02]"\} \d+$/m);
    expect(api).toMatch(/^bullpen_workers 1$/m);
    for (const page of [api, worker]) expect(page).not.toMatch(/acme|run_0|breaks/);
  });

  it('has the series that the Grafana dashboard and the alert rules ask for', async () => {
    const named = (await pages()).join('\n');
    const asked = `${await readFile(path.join(GRAFANA, 'dashboard.json'), 'utf8')}\n${await readFile(path.join(GRAFANA, 'alerts.yml'), 'utf8')}`;
    const names = new Set([...asked.matchAll(/\b(?:bullpen|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name.replace(/_bucket$/, '')));
    expect(names.size).toBeGreaterThan(15);
    for (const name of names) expect(named).toContain(`# TYPE ${name} `);
  });
});

describe('the alert rules for Prometheus', () => {
  it('pass promtool, and their own tests', () => {
    for (const args of [['check', 'rules', 'alerts.yml'], ['test', 'rules', 'alerts.test.yml']]) {
      const checked = spawnSync(promtool, args, { cwd: GRAFANA, encoding: 'utf8' });
      expect({ status: checked.status, said: checked.status === 0 ? '' : `${checked.stdout}${checked.stderr}` }).toEqual({ status: 0, said: '' });
    }
  });
});
