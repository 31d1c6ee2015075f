import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { Deadline, alertSchema, newId, newSigningSecret, silentLogger, systemClock, type AlertRule, type Clock, type FinishedRun } from '@bullpen/core';
import {
  SigningSecrets, acknowledgeAlert, addRuntimeSamples, createOrganization, enableAlertRule, insertAlertRule, insertAlertSilence, insertWebhook, listAlertRules, listAlerts, parseKeyRing, type RuntimeSample,
} from '@bullpen/db';
import { createMetricsCollector, evaluateAlerts } from '@bullpen/metrics';

import { ORG, createDbFixture, type DbFixture } from './db-fixture.ts';

const START_MS = Date.parse('2026-03-10T14:00:00.000Z');

let fixture: DbFixture;
let nowMs: number;
let clock: Clock;

beforeEach(async () => {
  nowMs = START_MS;
  clock = { ...systemClock, nowMs: () => nowMs };
  fixture = await createDbFixture({ clock });
  await createOrganization(fixture.db, { id: 'birch', name: 'Birch', poolMb: 1024, maxMemoryMb: 1024, minimumTier: 'basic' });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const deps = () => ({ db: fixture.db, clock, log: silentLogger });
const open = async (owner: string | null = null) => (await listAlerts(fixture.db, owner, { state: 'open', limit: 100 })).map((alert) => alertSchema.parse(alert));

async function turnAfter(ms: number): Promise<boolean> {
  nowMs += ms;
  return evaluateAlerts(deps());
}

const sealed = (orgId: string | null, ownerId: string) => new SigningSecrets({ db: fixture.db, keys: parseKeyRing(randomBytes(32).toString('base64')) }).seal(orgId, ownerId, newSigningSecret());

async function addRule(overrides: Partial<AlertRule> = {}): Promise<AlertRule> {
  const rule = {
    id: newId('alertRule'), orgId: null, name: 'Failures', measure: 'error_ratio' as const, threshold: 0.2, windowMs: 300_000, forMs: 60_000, severity: 'warning' as const, enabled: true,
    webhookUrl: null, createdAt: new Date(nowMs).toISOString(), ...overrides,
  };
  const webhookId = newId('webhook');
  await insertAlertRule(fixture.db, rule, rule.webhookUrl === null ? null : { id: webhookId, secret: sealed(rule.orgId, webhookId) });
  return rule;
}

async function finish(count: number, overrides: Partial<FinishedRun> = {}): Promise<void> {
  const metrics = createMetricsCollector({ db: fixture.db, clock, log: silentLogger, flushMs: 3_600_000 });
  for (let n = 0; n < count; n += 1) {
    metrics.record({ orgId: ORG, runId: 'r', agent: 'echo', version: 1, tier: 'basic', state: 'succeeded', errorCode: null, finishedAtMs: nowMs, queueWaitMs: 5, usage: null, ...overrides });
  }
  await metrics.stop(Deadline.in(10_000));
}

describe('an alert', () => {
  it('is pending, fires after its time, is acknowledged, and is resolved when it is over', async () => {
    const { id: ruleId } = await addRule();
    await finish(8);
    await finish(4, { state: 'failed' });
    await turnAfter(1000);
    expect(await open()).toMatchObject([{ ruleId, subject: ORG, orgId: ORG, state: 'pending', reason: '4 of 12 runs of 5 minutes failed (33 %)' }]);
    await turnAfter(60_000);
    const [firing] = await open();
    expect(firing).toMatchObject({ state: 'firing', acknowledgedAt: null });
    await turnAfter(15_000);
    expect(await open()).toHaveLength(1);
    expect(await acknowledgeAlert(fixture.db, null, firing?.id ?? '', 'ops', nowMs)).toMatchObject({ acknowledgedBy: 'ops' });
    expect(await acknowledgeAlert(fixture.db, ORG, firing?.id ?? '', 'someone', nowMs)).toMatchObject({ acknowledgedBy: 'ops' });
    await expect(acknowledgeAlert(fixture.db, 'birch', firing?.id ?? '', 'thief', nowMs)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await finish(100);
    await turnAfter(1000);
    expect(await open()).toMatchObject([{ state: 'firing' }]);
    await turnAfter(60_000);
    expect(await open()).toEqual([]);
    expect(await listAlerts(fixture.db, ORG, { state: 'resolved', limit: 5 })).toMatchObject([{ id: firing?.id, acknowledgedBy: 'ops' }]);
  });

  it('is found once, however many processes look', async () => {
    await addRule({ forMs: 0 });
    await finish(20, { state: 'failed' });
    const turns = await Promise.all(Array.from({ length: 6 }, () => evaluateAlerts(deps())));
    expect(turns).toContain(true);
    await turnAfter(1000);
    expect((await open()).filter(({ rule }) => rule === 'Failures')).toHaveLength(1);
  });

  it('tells of webhooks that were given up, not of those that their owners disabled', async () => {
    const { id: ruleId } = await addRule({ measure: 'webhooks_disabled', threshold: 0, forMs: 0 });
    const at = new Date(nowMs).toISOString();
    await fixture.db.sql`INSERT INTO webhooks (id, org_id, url, event_types, disabled_at, disabled_reason) VALUES
      ('whk_1', ${ORG}, 'https://hooks.example.com/1', '{run.*}', ${at}, 'its address is gone (410)'), ('whk_2', 'birch', 'https://hooks.example.com/2', '{run.*}', ${at}, 'by its owner')`;
    await turnAfter(1000);
    expect((await open()).filter((alert) => alert.ruleId === ruleId)).toMatchObject([{ subject: ORG, state: 'firing', value: 1, reason: '1 webhooks were given up in 5 minutes: gone, or failing for days' }]);
  });

  it('ends when its rule is switched off', async () => {
    const { id } = await addRule({ forMs: 0 });
    await finish(20, { state: 'failed' });
    await turnAfter(0);
    await enableAlertRule(fixture.db, null, id, false);
    await turnAfter(1000);
    await turnAfter(60_000);
    expect((await open()).filter(({ ruleId }) => ruleId === id)).toEqual([]);
  });
});

describe('the platform\'s own rules', () => {
  it('tell who holds what a starved organization waits for, but not to that organization', async () => {
    const waiting = fixture.newRun();
    await fixture.store.insert(waiting);
    await fixture.db.sql`INSERT INTO agents (org_id, name) VALUES ('birch', 'echo')`;
    await fixture.db.sql`INSERT INTO bundles SELECT 'birch', sha256, code, bytes FROM bundles`;
    await fixture.db.sql`INSERT INTO agent_versions (id, org_id, agent, version, sha256, manifest) SELECT id || 'b', 'birch', agent, version, sha256, manifest FROM agent_versions`;
    const busy = fixture.newRun({ orgId: 'birch', versionId: `${fixture.version.id}b`, memoryMb: 512 });
    await fixture.store.insert(busy);
    await fixture.store.claim({ orgId: 'birch', runId: busy.id, workerId: 'wkr_1' });
    await turnAfter(50_000);
    expect(await open()).toEqual([]);
    await turnAfter(44_000);
    expect(await open()).toMatchObject([{ measure: 'starved_ms', subject: ORG, state: 'firing', severity: 'critical', culpritOrgId: 'birch', reason: expect.stringContaining('waited 94 s') }]);
    const [told] = await open(ORG);
    expect(told).toMatchObject({ culpritOrgId: null });
    expect(JSON.stringify(told)).not.toContain('birch');
    expect(await open('birch')).toEqual([]);
  });

  it('find a worker that was lost, and none that said goodbye', async () => {
    const sample = (workerId: string, slots: number): RuntimeSample => ({
      atMs: nowMs, workerId, subject: 'worker', subjectId: workerId, orgId: null, running: 0, slots, limitMb: null, usedMb: 50, cpuMs: 1, eventLoopDelayMs: 1, runs: 0, failures: 0, deaths: null,
    });
    await addRuntimeSamples(fixture.db, [sample('wkr_lost', 16), sample('wkr_left', 0)]);
    await turnAfter(29_000);
    expect(await open()).toEqual([]);
    await turnAfter(5000);
    expect(await open()).toMatchObject([{ measure: 'heartbeat_age_ms', subject: 'wkr_lost', orgId: null, state: 'firing' }]);
  });

  it('find full pools, faults of containers, kills, long waits and spent budgets', async () => {
    await addRule({ measure: 'resource_seconds', threshold: 1, name: 'Budget' });
    const sample = (deaths: number): RuntimeSample => ({
      atMs: nowMs, workerId: 'wkr_1', subject: 'organization', subjectId: ORG, orgId: ORG, running: 1, slots: null, limitMb: 100, usedMb: 100, cpuMs: null, eventLoopDelayMs: null, runs: null, failures: null, deaths,
    });
    await addRuntimeSamples(fixture.db, [sample(0)]);
    nowMs += 5000;
    await addRuntimeSamples(fixture.db, [sample(101)]);
    await finish(101, { state: 'timed_out', queueWaitMs: 70_000, usage: { wallMs: 100, cpuMs: 50, peakHeapMb: 1, peakExternalMb: 0, gbSeconds: 0.1 } });
    await turnAfter(10_000);
    expect((await open()).map(({ measure }) => measure).sort()).toEqual(['container_faults', 'error_ratio', 'kills', 'pool_saturation', 'queue_wait_p95_ms', 'resource_seconds']);
  });
});

describe('news of an alert', () => {
  interface Told { url: string; body: { type: string; data: Record<string, unknown> } }
  const told = async (): Promise<Told[]> => [...await fixture.db.sql<Told[]>`
    SELECT w.url, d.payload AS body FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id ORDER BY d.id`];
  const addWebhook = async (orgId: string, url: string) => {
    const id = newId('webhook');
    await insertWebhook(fixture.db, orgId, id, { url, description: '', eventTypes: ['alert.*'] }, sealed(orgId, id));
  };
  const fire = async () => {
    await finish(20, { state: 'failed' });
    await turnAfter(1000);
  };

  it('is due at the webhook of its rule and at those of the organization, once when it fires and once when it is over', async () => {
    await addRule({ orgId: ORG, forMs: 0, webhookUrl: 'https://rule.example' });
    await addWebhook(ORG, 'https://acme.example');
    await addWebhook('birch', 'https://birch.example');
    await fire();
    await turnAfter(1000);
    const urls = async () => (await told()).filter(({ body }) => body.data['rule'] === 'Failures').map(({ url, body }) => `${url} ${body.type}`).sort();
    expect(await urls()).toEqual(['https://acme.example alert.firing', 'https://rule.example alert.firing']);
    await finish(200);
    await turnAfter(1000);
    await turnAfter(60_000);
    expect(await urls()).toEqual(['https://acme.example alert.firing', 'https://acme.example alert.resolved', 'https://rule.example alert.firing', 'https://rule.example alert.resolved']);
    expect((await told())[0]?.body).toMatchObject({ type: 'alert.firing', data: { orgId: ORG, state: 'firing', measure: 'error_ratio' } });
  });

  it('is made of nothing that is silenced', async () => {
    await insertAlertSilence(fixture.db, { id: newId('silence'), orgId: null, ruleId: null, subject: null, until: new Date(nowMs + 3_600_000).toISOString(), reason: 'deploying', createdAt: new Date(nowMs).toISOString() });
    await addRule({ orgId: ORG, forMs: 0, webhookUrl: 'https://rule.example' });
    await addWebhook(ORG, 'https://acme.example');
    await fire();
    expect(await told()).toEqual([]);
    expect((await open(ORG)).filter(({ rule }) => rule === 'Failures')).toMatchObject([{ silenced: true, state: 'firing' }]);
  });
});

describe('rules', () => {
  it('are their owner\'s', async () => {
    const { id } = await addRule({ orgId: ORG });
    expect(await listAlertRules(fixture.db, ORG)).toMatchObject([{ id, orgId: ORG }]);
    expect(await listAlertRules(fixture.db, 'birch')).toEqual([]);
    expect((await listAlertRules(fixture.db, null)).map((rule) => rule.id)).not.toContain(id);
    await expect(enableAlertRule(fixture.db, 'birch', id, false)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
