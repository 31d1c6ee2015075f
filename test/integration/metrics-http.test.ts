import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  alertRuleSchema, alertSilenceSchema, createdAlertRuleSchema, runtimeMetricsSchema, runtimeStatusSchema, usageReportSchema, type RuntimeMetrics, type RuntimeStatus,
} from '@bullpen/core';

import { ADMIN_KEY, deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

let system: RunningSystem;
const secrets = new Map<string, string>();

beforeAll(async () => {
  system = await startSystem({ queue: 'redis' });
  for (const orgId of ['acme', 'birch']) {
    const client = await system.organization(orgId);
    secrets.set(orgId, (await system.admin.keys.create({ orgId })).secret);
    await deploy(client, 'echo', '(input) => input', { tier: 'basic' });
    await deploy(client, 'breaks', '() => { throw new Error("no"); }', { tier: 'basic' });
  }
  const acme = system.clientOf(system.apis[0]!, 'acme');
  for (const agent of ['echo', 'echo', 'breaks']) await acme.runs.create({ agent, maxAttempts: 1 }, { wait: '30s' });
  await system.clientOf(system.apis[0]!, 'birch').runs.create({ agent: 'echo', maxAttempts: 1 }, { wait: '30s' });
});
afterAll(() => system.stop());

async function call<T>(key: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(`${system.apis[0]?.url()}${path}`, {
    method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T };
}
const asAdmin = <T>(method: string, path: string, body?: unknown) => call<T>(ADMIN_KEY, method, `/api/admin${path}`, body);
const as = <T>(orgId: string, method: string, path: string, body?: unknown) => call<T>(secrets.get(orgId) ?? '', method, `/v1${path}`, body);

const metricsOf = async (query: string): Promise<RuntimeMetrics> => runtimeMetricsSchema.parse((await asAdmin('GET', `/runtime/metrics?${query}`)).body);

describe('the operator\'s metrics', () => {
  it('come by organization, agent, version, outcome, tier and worker, with fairness and percentiles', async () => {
    const byOrganization = await eventually('four runs in the time series', async () => {
      const metrics = await metricsOf('windowMs=3600000');
      return metrics.total.runs === 4 ? metrics : undefined;
    });
    expect(byOrganization.organizations.map(({ orgId, runs, failures }) => [orgId, runs, failures]).sort()).toEqual([['acme', 3, 1], ['birch', 1, 0]]);
    expect(byOrganization.fairness.organizations).toBe(2);
    expect(byOrganization.fairness.jain).toBeGreaterThan(0);
    expect(byOrganization.total.p95Ms).toBeGreaterThan(0);
    expect(byOrganization.timeline.reduce((sum, { runs }) => sum + runs, 0)).toBe(4);
    const keys = async (groupBy: string, more = '') => (await metricsOf(`windowMs=3600000&groupBy=${groupBy}${more}`)).groups.map(({ key, runs }) => `${key} ${runs}`).sort();
    expect(await keys('agent')).toEqual(['acme/breaks 1', 'acme/echo 2', 'birch/echo 1']);
    expect(await keys('version', '&orgId=acme')).toEqual(['acme/breaks@1 1', 'acme/echo@1 2']);
    expect(await keys('outcome')).toEqual(['failed 1', 'succeeded 3']);
    expect(await keys('tier')).toEqual(['basic 4']);
    const byWorker = await eventually('a gauge of the worker', async () => {
      const metrics = await metricsOf('windowMs=3600000&groupBy=worker');
      return metrics.workers.length > 0 ? metrics : undefined;
    });
    expect(byWorker.workers).toMatchObject([{ workerId: system.workers[0]?.id }]);
  });

  it('refuse a window, step or grouping that they do not have', async () => {
    for (const query of ['windowMs=5', 'stepMs=15000', 'groupBy=colour', 'from=yesterday', 'limit=0']) expect((await asAdmin('GET', `/runtime/metrics?${query}`)).status).toBe(400);
    expect((await call(secrets.get('acme') ?? '', 'GET', '/api/admin/runtime/metrics')).status).toBe(403);
  });

  it('have a status beside them, with health and its reasons', async () => {
    const status: RuntimeStatus = await eventually('a worker in the status', async () => {
      const { body } = await asAdmin<RuntimeStatus>('GET', '/runtime/status');
      return body.workers.length === 1 && body.organizations.length === 2 ? runtimeStatusSchema.parse(body) : undefined;
    });
    expect(status.health.score).toBeGreaterThanOrEqual(50);
    expect(status.workerHealth[system.workers[0]?.id ?? '']).toMatchObject({ level: 'healthy' });
    expect(status.organizations.every(({ health }) => health.reason !== '')).toBe(true);
  });
});

describe('the usage of an organization', () => {
  it('is its own, and no other\'s', async () => {
    const { body } = await as('birch', 'GET', '/usage?windowMs=3600000');
    const usage = usageReportSchema.parse(body);
    expect([usage.orgId, usage.total.runs, usage.groups.map(({ key }) => key)]).toEqual(['birch', 1, ['echo']]);
    expect(JSON.stringify(body)).not.toContain('acme');
    expect((await as('birch', 'GET', '/usage?orgId=acme')).status).toBe(400);
  });
});

describe('alert rules over HTTP', () => {
  it('are made, listed, switched off and deleted by their owner alone', async () => {
    const made = await as('acme', 'POST', '/alert-rules', { name: 'Failures', measure: 'error_ratio', threshold: 0.2, webhookUrl: 'https://hooks.example.com/x' });
    const rule = createdAlertRuleSchema.parse(made.body);
    expect([made.status, rule.orgId, rule.secret?.startsWith('whsec_')]).toEqual([201, 'acme', true]);
    const { body: listed } = await as<{ items: unknown[] }>('acme', 'GET', '/alert-rules');
    expect(listed.items.map((item) => alertRuleSchema.parse(item).id)).toEqual([rule.id]);
    expect(JSON.stringify(listed)).not.toContain('whsec_');
    expect((await as<{ items: unknown[] }>('birch', 'GET', '/alert-rules')).body.items).toEqual([]);
    expect((await as('birch', 'DELETE', `/alert-rules/${rule.id}`)).status).toBe(404);
    expect((await as('acme', 'PATCH', `/alert-rules/${rule.id}`, { enabled: false })).body).toMatchObject({ enabled: false });
    expect((await as('acme', 'DELETE', `/alert-rules/${rule.id}`)).status).toBe(204);
    expect((await as('acme', 'DELETE', '/alert-rules/alr_%00')).status).toBe(404);
  });

  it('are refused where they make no sense', async () => {
    expect((await as('acme', 'POST', '/alert-rules', { name: 'w', measure: 'heartbeat_age_ms', threshold: 1 })).status).toBe(403);
    for (const wrong of [{}, { name: 'x', measure: 'luck', threshold: 1 }, { name: 'x', measure: 'kills', threshold: -1 }, { name: 'x', measure: 'kills', threshold: 1, webhookUrl: 'ftp://x' }]) {
      expect((await as('acme', 'POST', '/alert-rules', wrong)).status).toBe(400);
    }
  });

  it('of the platform are there from the start, and not a tenant\'s to see', async () => {
    const { body } = await asAdmin<{ items: { measure: string }[] }>('GET', '/alert-rules');
    expect(body.items.map(({ measure }) => measure)).toEqual(expect.arrayContaining(['starved_ms', 'heartbeat_age_ms', 'error_ratio']));
    expect((await as<{ items: unknown[] }>('acme', 'GET', '/alerts?state=all')).body.items).toEqual([]);
    expect((await as('acme', 'POST', '/alerts/alt_01jd3v00000000000000000001/acknowledge', {})).status).toBe(404);
  });

  it('are silenced for a while', async () => {
    const { status, body } = await as<{ id: string }>('acme', 'POST', '/alert-silences', { minutes: 5, reason: 'deploying' });
    expect([status, alertSilenceSchema.parse(body).orgId]).toEqual([201, 'acme']);
    expect((await as('birch', 'DELETE', `/alert-silences/${body.id}`)).status).toBe(404);
    expect((await as('acme', 'POST', '/alert-silences', { minutes: 5, ruleId: 'alr_default_starved' })).status).toBe(404);
    expect((await as('acme', 'DELETE', `/alert-silences/${body.id}`)).status).toBe(204);
    expect((await as<{ items: unknown[] }>('acme', 'GET', '/alert-silences')).body.items).toEqual([]);
  });
});
