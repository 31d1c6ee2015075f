import { randomBytes } from 'node:crypto';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DELIVERY_WAITS_MS, newId, newSigningSecret, noFaults, silentLogger, systemClock, type Clock, type FaultPoint, type WebhookDelivery } from '@bullpen/core';
import {
  SigningSecrets, adminGiveUpCrowds, adminListDueLanes, adminOldestDueAt, changeWebhook, createOrganization, getDelivery, getWebhook, insertTestDelivery, insertWebhook, listAuditEntries, listDeliveries, parseKeyRing,
  replayDelivery, replayFailedDeliveries, rotateWebhookSecret,
} from '@bullpen/db';
import { createGuardedPost } from '@bullpen/runtime';
import { verifyWebhook } from '@bullpen/sdk';
import { WebhookDeliverer } from '@bullpen/worker';

import { LOOPBACK_RANGE, startReceiver, type WebhookReceiver } from '../system/webhook-receiver.ts';
import { ORG, createDbFixture, success, type DbFixture } from './db-fixture.ts';

/** Telling webhooks, by the clock of the test: real Postgres, a real receiver, days in milliseconds. */
const START_MS = Date.parse('2026-03-10T14:00:00.000Z');
const HOUR_MS = 3_600_000;

let fixture: DbFixture;
let receiver: WebhookReceiver;
let secrets: SigningSecrets;
let nowMs: number;
let counted: string[];
const clock: Clock = { ...systemClock, nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = START_MS;
  counted = [];
  fixture = await createDbFixture({ clock });
  receiver = await startReceiver();
  secrets = new SigningSecrets({ db: fixture.db, keys: parseKeyRing(randomBytes(32).toString('base64')) });
});
afterEach(async () => {
  await receiver.stop();
  await fixture[Symbol.asyncDispose]();
});

function deliverer({ privateRanges = [LOOPBACK_RANGE], hit = noFaults.hit, timeoutMs = 10_000 }: { privateRanges?: string[]; hit?: (point: FaultPoint) => Promise<void> | void; timeoutMs?: number } = {}): WebhookDeliverer {
  const post = createGuardedPost({ privateRanges, timeoutMs, excerptBytes: 1024 });
  return new WebhookDeliverer({ db: fixture.db, secrets, post, clock, log: silentLogger, faults: { hit }, random: () => 0.5, count: (outcome) => counted.push(outcome) });
}

/** Everything that is due now, in both lanes. */
async function deliverDue(by = deliverer()): Promise<void> {
  for (const lane of await adminListDueLanes(fixture.db, nowMs, 100)) await by.deliverSome(lane);
}

async function addWebhook({ path = '/hook', eventTypes = ['run.*'], orgId = ORG }: { path?: string; eventTypes?: ('run.*' | 'run.failed' | 'webhook.*' | 'deployment.*')[]; orgId?: string } = {}): Promise<{ id: string; secret: string }> {
  const id = newId('webhook');
  const secret = newSigningSecret();
  await insertWebhook(fixture.db, orgId, id, { url: receiver.url(path), description: '', eventTypes }, secrets.seal(orgId, id, secret));
  return { id, secret };
}

async function finishRun(overrides: Parameters<typeof success>[1] = {}): Promise<string> {
  const run = await fixture.claimed();
  await fixture.store.finish(success(run, { finishedAtMs: nowMs, ...overrides }));
  return run.runId;
}

async function onlyDelivery(webhookId: string): Promise<WebhookDelivery> {
  const { items } = await listDeliveries(fixture.db, ORG, webhookId, { limit: 10 });
  expect(items).toHaveLength(1);
  return items[0]!;
}

describe('the end of a run', () => {
  it('is told once, signed, to those that want to hear of it', async () => {
    const hook = await addWebhook();
    const other = await addWebhook({ path: '/failures', eventTypes: ['run.failed'] });
    const runId = await finishRun();
    await deliverDue();
    await deliverDue();
    expect(receiver.received).toHaveLength(1);
    const [{ headers, body }] = receiver.at('/hook') as [typeof receiver.received[0]];
    const event = await verifyWebhook(headers, body, hook.secret, { nowMs });
    expect(event).toMatchObject({ type: 'run.succeeded', timestamp: new Date(nowMs).toISOString(), data: { runId, orgId: ORG, agent: 'echo', state: 'succeeded', result: { ok: true }, error: null, metadata: { who: 'test' } } });
    await expect(verifyWebhook(headers, body, other.secret, { nowMs })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered', attempts: 1, eventId: headers['webhook-id'], last: { status: 204, error: null } });
    expect(counted).toEqual(['delivered']);
  });

  it('carries a small result only, and of an error no stack', async () => {
    const hook = await addWebhook();
    await finishRun({ resultJson: JSON.stringify('x'.repeat(20_000)) });
    await finishRun({ state: 'failed', resultJson: null, error: { code: 'AGENT_THREW', message: 'no', stack: 'at secret.ts' } });
    await deliverDue();
    const events = receiver.received.map(({ body }) => JSON.parse(body) as { type: string; data: object }).sort((a, b) => a.type.localeCompare(b.type));
    expect(events).toMatchObject([
      { type: 'run.failed', data: { error: { code: 'AGENT_THREW', message: 'no' } } }, { type: 'run.succeeded', data: { result: null, resultOmitted: true } },
    ]);
    expect(JSON.stringify(events)).not.toContain('secret.ts');
    expect((await listDeliveries(fixture.db, ORG, hook.id, { limit: 1 })).nextCursor).not.toBeNull();
  });

  it('is due as soon as it is recorded, also where it was cancelled, and to nobody else', async () => {
    await createOrganization(fixture.db, { id: 'birch', name: 'Birch', poolMb: 1024, maxMemoryMb: 1024, minimumTier: 'basic' });
    const hook = await addWebhook();
    const stranger = await addWebhook({ orgId: 'birch' });
    const run = fixture.newRun();
    await fixture.store.insert(run);
    await fixture.store.requestCancel(ORG, run.id);
    expect(await onlyDelivery(hook.id)).toMatchObject({ eventType: 'run.cancelled', state: 'pending', attempts: 0 });
    expect((await listDeliveries(fixture.db, 'birch', stranger.id, { limit: 10 })).items).toEqual([]);
    await expect(listDeliveries(fixture.db, 'birch', hook.id, { limit: 10 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(getDelivery(fixture.db, 'birch', hook.id, (await onlyDelivery(hook.id)).id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a webhook that is being deleted', () => {
  it('hinders no run from ending, and is told nothing', async () => {
    const hook = await addWebhook();
    const other = await addWebhook({ path: '/other' });
    const run = await fixture.claimed();
    await fixture.db.transaction(async (sql) => {
      await sql`DELETE FROM webhooks WHERE id = ${hook.id}`;
      expect(await fixture.store.finish(success(run, { finishedAtMs: nowMs }))).toBe(true);
    });
    expect(await onlyDelivery(other.id)).toMatchObject({ eventType: 'run.succeeded' });
    await expect(getWebhook(fixture.db, ORG, hook.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('a delivery that does not arrive', () => {
  it('is tried again for three days, with the same id and a fresh time, and given up', async () => {
    const hook = await addWebhook();
    receiver.answerNext('/hook', ...Array.from({ length: 10 }, () => ({ status: 500, body: 'broken' })));
    await finishRun();
    await deliverDue();
    for (const waitMs of DELIVERY_WAITS_MS) {
      const { nextAt } = await onlyDelivery(hook.id);
      const dueMs = Date.parse(nextAt ?? '');
      expect([dueMs - nowMs >= waitMs, dueMs - nowMs < waitMs + 60_000]).toEqual([true, true]);
      nowMs = dueMs - 1;
      await deliverDue();
      nowMs = dueMs;
      await deliverDue();
    }
    expect(receiver.received).toHaveLength(10);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10);
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'failed', attempts: 10, nextAt: null, last: { status: 500, error: 'it answered 500', excerpt: 'broken' } });
    expect(counted).toEqual([...Array.from({ length: 9 }, () => 'retried'), 'given_up', 'disabled']);
  });

  it('ends an endpoint of which nothing arrived for days: said in the audit log and to other webhooks', async () => {
    const hook = await addWebhook();
    const watch = await addWebhook({ path: '/watch', eventTypes: ['webhook.*'] });
    receiver.answerNext('/hook', ...Array.from({ length: 20 }, () => ({ status: 500 })));
    await finishRun();
    await finishRun();
    for (let n = 0; n < 40 && (await getWebhook(fixture.db, ORG, hook.id)).disabledAt === null; n += 1) {
      await deliverDue();
      const { items } = await listDeliveries(fixture.db, ORG, hook.id, { state: 'pending', limit: 10 });
      if (items.length > 0) nowMs = Math.max(nowMs, Math.min(...items.map(({ nextAt }) => Date.parse(nextAt ?? ''))));
    }
    expect(nowMs - START_MS).toBeGreaterThan(72 * HOUR_MS);
    expect(await getWebhook(fixture.db, ORG, hook.id)).toMatchObject({ disabledReason: expect.stringMatching(/nothing has arrived since/), failingSince: expect.any(String) });
    await deliverDue();
    const { data } = await verifyWebhook(receiver.at('/watch')[0]!.headers, receiver.at('/watch')[0]!.body, watch.secret, { nowMs });
    expect(data).toMatchObject({ webhookId: hook.id, reason: expect.stringMatching(/nothing/) });
    const { items } = await listAuditEntries(fixture.db, ORG, { limit: 10 });
    expect(items).toMatchObject([{ action: 'disableWebhook', target: `webhook/${hook.id}`, keyId: 'bullpen' }]);
    await finishRun();
    expect((await listDeliveries(fixture.db, ORG, hook.id, { state: 'pending', limit: 10 })).items).toEqual([]);
  });

  it('waits as long as the receiver asks for, and arrives then', async () => {
    const hook = await addWebhook();
    receiver.answerNext('/hook', { status: 503, headers: { 'retry-after': '3600' } });
    await finishRun();
    await deliverDue();
    expect((await getWebhook(fixture.db, ORG, hook.id)).failingSince).not.toBeNull();
    nowMs += 3_599_000;
    await deliverDue();
    expect(receiver.received).toHaveLength(1);
    nowMs += 2000;
    await deliverDue();
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered', attempts: 2 });
    expect((await getWebhook(fixture.db, ORG, hook.id)).failingSince).toBeNull();
  });

  it('is given up where more wait for its endpoint than may, the oldest first, and says why', async () => {
    const [lost, other] = [await addWebhook(), await addWebhook({ path: '/other' })];
    for (let n = 0; n < 6; n += 1) { await finishRun(); nowMs += 1000; }
    const idsOf = async (id: string, state: 'pending' | 'failed') => (await listDeliveries(fixture.db, ORG, id, { state, limit: 10 })).items.map((one) => one.id).sort();
    const oldest = (await idsOf(lost.id, 'pending')).slice(0, 2);
    await fixture.db.sql`UPDATE webhook_deliveries SET state = 'delivered', next_at = NULL, finished_at = now() WHERE webhook_id = ${other.id} AND id IN (SELECT id FROM webhook_deliveries WHERE webhook_id = ${other.id} ORDER BY id LIMIT 3)`;
    const twice = await Promise.all([adminGiveUpCrowds(fixture.db, 4, nowMs), adminGiveUpCrowds(fixture.db, 4, nowMs)]);
    expect(twice.flat()).toEqual([{ webhookId: lost.id, orgId: ORG, givenUp: 2 }]);
    expect(await idsOf(lost.id, 'failed')).toEqual(oldest);
    expect(await idsOf(lost.id, 'pending')).toHaveLength(4);
    expect(await idsOf(other.id, 'pending')).toHaveLength(3);
    expect(await getDelivery(fixture.db, ORG, lost.id, oldest[0]!)).toMatchObject({ state: 'failed', nextAt: null, last: { error: 'given up: more than 4 deliveries waited for this endpoint' } });
    // Not lost for good: what was given up can be sent again.
    expect(await replayFailedDeliveries(fixture.db, ORG, lost.id, new Date(START_MS).toISOString(), nowMs)).toBe(2);
  });

  it('is the last one where the address is gone', async () => {
    const hook = await addWebhook();
    receiver.answerNext('/hook', { status: 410 });
    await finishRun();
    await deliverDue();
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'failed' });
    expect(await getWebhook(fixture.db, ORG, hook.id)).toMatchObject({ disabledReason: 'its address is gone (410)' });
    expect(counted).toEqual(['given_up', 'disabled']);
    await expect(insertTestDelivery(fixture.db, ORG, hook.id, nowMs)).rejects.toMatchObject({ code: 'WEBHOOK_DISABLED' });
    await changeWebhook(fixture.db, ORG, hook.id, { enabled: true }, nowMs);
    expect(await replayFailedDeliveries(fixture.db, ORG, hook.id, new Date(START_MS).toISOString(), nowMs)).toBe(1);
    await deliverDue();
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered', attempts: 1 });
  });

  it('is not followed elsewhere, and an answer without end is cut', async () => {
    const hook = await addWebhook();
    receiver.answerNext('/hook', { status: 302, headers: { location: receiver.url('/elsewhere') } }, { status: 500, body: 'x'.repeat(5_000_000) });
    await finishRun();
    await deliverDue();
    nowMs += 10_000;
    await deliverDue();
    expect(receiver.at('/elsewhere')).toEqual([]);
    const { history } = await getDelivery(fixture.db, ORG, hook.id, (await onlyDelivery(hook.id)).id);
    expect(history).toMatchObject([{ status: 302, error: 'it answered 302' }, { status: 500, excerpt: 'x'.repeat(500) }]);
  });

  it('does not wait for ever, and takes nothing from the endpoint beside it', async () => {
    const slow = await addWebhook({ path: '/slow' });
    const hook = await addWebhook();
    receiver.hold('/slow');
    await finishRun();
    await deliverDue(deliverer({ timeoutMs: 200 }));
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered' });
    expect(await onlyDelivery(slow.id)).toMatchObject({ state: 'pending', last: { status: null, error: expect.any(String) } });
  });

  it('goes into no network of ours that was not opened by name, nor to a metadata service', async () => {
    const hook = await addWebhook();
    await finishRun();
    await deliverDue(deliverer({ privateRanges: [] }));
    expect(receiver.received).toEqual([]);
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'pending', last: { error: expect.stringMatching(/loopback/) } });
    await changeWebhook(fixture.db, ORG, hook.id, { url: 'http://169.254.169.254/latest/meta-data' }, nowMs);
    nowMs += 10_000;
    await deliverDue(deliverer({ privateRanges: ['0.0.0.0/0'] }));
    expect((await onlyDelivery(hook.id)).last?.error).toMatch(/link-local/);
  });
});

describe('a crash', () => {
  const die = (at: FaultPoint) => (point: FaultPoint): void => { if (point === at) throw new Error('died'); };

  it('between the record and the delivery loses nothing: what was taken comes back', async () => {
    const hook = await addWebhook();
    await finishRun();
    await expect(deliverDue(deliverer({ hit: die('after-webhook-taken') }))).rejects.toThrow('died');
    await deliverDue();
    expect(receiver.received).toEqual([]);
    nowMs += 61_000;
    await deliverDue();
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered', attempts: 2 });
  });

  it('between the delivery and its record sends it again, with the same id', async () => {
    const hook = await addWebhook();
    await finishRun();
    await expect(deliverDue(deliverer({ hit: die('after-webhook-sent') }))).rejects.toThrow('died');
    nowMs += 61_000;
    await deliverDue();
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
    expect(await onlyDelivery(hook.id)).toMatchObject({ state: 'delivered' });
  });
});

describe('secrets', () => {
  it('sign together while they are rotated, and the old one ends', async () => {
    const hook = await addWebhook();
    const next = newSigningSecret();
    await rotateWebhookSecret(fixture.db, ORG, hook.id, secrets.seal(ORG, hook.id, next), nowMs + HOUR_MS);
    await finishRun();
    await deliverDue();
    const [{ headers, body }] = receiver.received as [typeof receiver.received[0]];
    for (const secret of [hook.secret, next]) await verifyWebhook(headers, body, secret, { nowMs });
    nowMs += 2 * HOUR_MS;
    await finishRun();
    await deliverDue();
    const later = receiver.received[1]!;
    await verifyWebhook(later.headers, later.body, next, { nowMs });
    await expect(verifyWebhook(later.headers, later.body, hook.secret, { nowMs })).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('are sealed in the table, and under the next master key after a rotation', async () => {
    const first = randomBytes(32).toString('base64');
    const second = randomBytes(32).toString('base64');
    secrets = new SigningSecrets({ db: fixture.db, keys: parseKeyRing(first) });
    const hook = await addWebhook();
    const [row] = await fixture.db.sql<{ all: string }[]>`SELECT signing_secrets::text AS all FROM signing_secrets`;
    expect(row?.all).not.toContain(Buffer.from(hook.secret).toString('hex'));
    await fixture.db.sql`UPDATE signing_secrets SET key_id = 'unsealed', sealed_value = convert_to(${hook.secret}, 'UTF8')`;
    const both = new SigningSecrets({ db: fixture.db, keys: parseKeyRing(`${second},${first}`) });
    expect(await both.rewrapAll()).toBe(1);
    expect(await both.rewrapAll()).toBe(0);
    const only = new SigningSecrets({ db: fixture.db, keys: parseKeyRing(second) });
    expect((await only.read([hook.id], nowMs)).get(hook.id)).toEqual([hook.secret]);
    await expect(new SigningSecrets({ db: fixture.db, keys: null }).read([hook.id], nowMs)).rejects.toMatchObject({ code: 'SECRETS_UNAVAILABLE' });
  });
});

describe('what is due', () => {
  it('is named by organization and by whether its endpoints work, and how old it is', async () => {
    await createOrganization(fixture.db, { id: 'birch', name: 'Birch', poolMb: 1024, maxMemoryMb: 1024, minimumTier: 'basic' });
    expect([await adminListDueLanes(fixture.db, nowMs, 10), await adminOldestDueAt(fixture.db)]).toEqual([[], null]);
    const dead = await addWebhook({ path: '/dead' });
    await addWebhook();
    const birch = await addWebhook({ orgId: 'birch', path: '/birch' });
    receiver.answerNext('/dead', { status: 500 });
    await finishRun();
    await deliverDue();
    await finishRun();
    await insertTestDelivery(fixture.db, 'birch', birch.id, nowMs);
    const lanes = await adminListDueLanes(fixture.db, nowMs, 10);
    expect(lanes).toHaveLength(3);
    expect(lanes).toEqual(expect.arrayContaining([{ orgId: ORG, isFailing: true }, { orgId: ORG, isFailing: false }, { orgId: 'birch', isFailing: false }]));
    expect(await adminOldestDueAt(fixture.db)).toBe(new Date(nowMs).toISOString());
    const { items } = await listDeliveries(fixture.db, ORG, dead.id, { state: 'pending', limit: 10 });
    await replayDelivery(fixture.db, ORG, items[0]!.id, nowMs - 5000);
    expect(await adminOldestDueAt(fixture.db)).toBe(new Date(nowMs - 5000).toISOString());
  });
});
