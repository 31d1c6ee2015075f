import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyWebhook, type BullpenClient } from '@bullpen/sdk';

import { ADMIN_KEY, deploy, eventually, startSystem, type QueueBackend, type RunningSystem } from '../system/running-system.ts';
import { LOOPBACK_RANGE, startReceiver, type Received, type WebhookReceiver } from '../system/webhook-receiver.ts';

const BACKENDS: QueueBackend[] = ['redis', 'postgres'];

/** The whole way: a run over HTTP, its end in Postgres, the queue of deliveries on each backend, a receiver. */
describe.each(BACKENDS)('webhooks of a system whose queue is on %s', (queue) => {
  let system: RunningSystem;
  let receiver: WebhookReceiver;
  let acme: BullpenClient;

  beforeAll(async () => {
    receiver = await startReceiver();
    system = await startSystem({ queue, workers: 2, env: { BULLPEN_WEBHOOK_PRIVATE_RANGES: LOOPBACK_RANGE } });
    acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => { if (input === "fail") throw new Error("no"); return input; }');
  });
  afterAll(async () => {
    await system.stop();
    await receiver.stop();
  });

  const arrival = (path: string, type: string, count = 1): Promise<Received> => eventually(`${type} at ${path}`, async () => {
    const found = receiver.at(path).filter(({ body }) => (JSON.parse(body) as { type: string }).type === type);
    return found.length >= count ? found[count - 1] : undefined;
  });

  it('tell of runs and deployments, signed, and show what became of it', async () => {
    const hook = await acme.webhooks.create({ url: receiver.url('/acme'), eventTypes: ['run.*', 'deployment.*'], description: 'to chat' });
    const run = await acme.runs.create({ agent: 'echo', input: 'hello' }, { wait: '30s' });
    await acme.runs.create({ agent: 'echo', input: 'fail', maxAttempts: 1 }, { wait: '30s' });
    await acme.deployments.put('echo', 'production', { version: 1 });
    await deploy(acme, 'echo', 'async () => 2');
    await acme.deployments.put('echo', 'production', { version: 2 });
    await acme.deployments.rollBack('echo', 'production');
    const { headers, body } = await arrival('/acme', 'run.succeeded');
    expect(await verifyWebhook(headers, body, hook.secret)).toMatchObject({ type: 'run.succeeded', data: { runId: run.id, result: 'hello' } });
    expect(JSON.parse((await arrival('/acme', 'run.failed')).body)).toMatchObject({ data: { error: { code: 'AGENT_THREW', message: 'no' } } });
    expect(JSON.parse((await arrival('/acme', 'deployment.changed', 2)).body)).toMatchObject({ data: { agent: 'echo', deployment: 'production' } });
    expect(JSON.parse((await arrival('/acme', 'deployment.rolled_back')).body)).toMatchObject({ data: { version: 1, before: { version: 2 }, rollback: { from: 2, to: 1 } } });
    await eventually('all are settled', async () => ((await acme.webhooks.deliveries(hook.id, { state: 'delivered' })).items.length === 5 ? true : undefined));
    const { items: [newest] } = await acme.webhooks.deliveries(hook.id);
    expect(await acme.webhooks.delivery(hook.id, newest!.id)).toMatchObject({ state: 'delivered', attempts: 1, history: [{ status: 204 }], payload: { type: newest!.eventType } });
  });

  it('are tested, rotated, sent again, disabled and deleted', async () => {
    const hook = await acme.webhooks.create({ url: receiver.url('/tested'), eventTypes: ['alert.*'] });
    const tested = await acme.webhooks.test(hook.id);
    const first = await arrival('/tested', 'webhook.test');
    expect(first.headers['webhook-id']).toBe(tested.eventId);
    const { secret } = await acme.webhooks.rotate(hook.id);
    await eventually('it is settled', async () => ((await acme.webhooks.delivery(hook.id, tested.id)).state === 'delivered' ? true : undefined));
    await acme.webhooks.replay(hook.id, tested.id);
    const again = await arrival('/tested', 'webhook.test', 2);
    expect(again.headers['webhook-id']).toBe(tested.eventId);
    for (const one of [secret, hook.secret]) await verifyWebhook(again.headers, again.body, one);
    expect(JSON.stringify(await acme.webhooks.list())).not.toMatch(/whsec_/);
    expect(await acme.webhooks.update(hook.id, { enabled: false })).toMatchObject({ disabledReason: 'by its owner' });
    await expect(acme.webhooks.test(hook.id)).rejects.toMatchObject({ code: 'WEBHOOK_DISABLED' });
    expect(await acme.webhooks.update(hook.id, { enabled: true, description: 'back' })).toMatchObject({ disabledAt: null, description: 'back' });
    expect(await acme.webhooks.replayFailed(hook.id, new Date(0))).toEqual({ replayed: 0 });
    await acme.webhooks.delete(hook.id);
    await expect(acme.webhooks.get(hook.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('of one organization do not wait for the dead ones of another, however much these have to tell', async () => {
    const birch = await system.organization('birch');
    const dead = await acme.webhooks.create({ url: receiver.url('/dead'), eventTypes: ['webhook.test'] });
    const alive = await birch.webhooks.create({ url: receiver.url('/birch'), eventTypes: ['webhook.test'] });
    receiver.hold('/dead');
    await Promise.all(Array.from({ length: 100 }, () => acme.webhooks.test(dead.id)));
    await eventually('the dead one is being told', async () => (receiver.at('/dead').length > 0 ? true : undefined));
    const before = receiver.at('/dead').length;
    for (let n = 1; n <= 10; n += 1) {
      await birch.webhooks.test(alive.id);
      await arrival('/birch', 'webhook.test', n);
    }
    // Nothing of the dead one has been answered, so its backlog is still there: what arrived did not wait for it.
    expect([before <= 10, (await acme.webhooks.deliveries(dead.id, { state: 'delivered' })).items.length]).toEqual([true, 0]);
    const board = await system.admin.admin.webhooks();
    expect(board.endpoints.find(({ id }) => id === dead.id)).toMatchObject({ orgId: 'acme', pending: 100 });
    await acme.webhooks.delete(dead.id);
  });

  it('are counted for Prometheus', async () => {
    const pages = await Promise.all(system.workers.map(async (worker) => (await fetch(`${worker.probeUrl()}/metrics`)).text()));
    const delivered = pages.map((page) => Number(/^bullpen_webhook_deliveries_total\{outcome="delivered"\} (\d+)$/m.exec(page)?.[1]));
    expect(delivered.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(7);
    expect(pages[0]).toMatch(/^bullpen_webhook_pending_age_seconds \d/m);
  });

  it('tell of an alert to the webhook of its rule, which shows its secret once', async () => {
    const answer = await fetch(`${system.apis[0]!.url()}/v1/alert-rules`, {
      method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Spent', measure: 'resource_seconds', threshold: 0, forMs: 0, windowMs: 3_600_000, webhookUrl: receiver.url('/alerts') }),
    });
    const rule = await answer.json() as { id: string; secret: string; webhookUrl: string };
    expect(rule).toMatchObject({ secret: expect.stringMatching(/^whsec_/), webhookUrl: receiver.url('/alerts') });
    const { headers, body } = await eventually('the alert', async () => receiver.at('/alerts')[0], 60_000);
    expect(await verifyWebhook(headers, body, rule.secret)).toMatchObject({ type: 'alert.firing', data: { ruleId: rule.id, orgId: 'acme', measure: 'resource_seconds' } });
    const { items } = await acme.webhooks.list();
    expect(items.find(({ alertRuleId }) => alertRuleId === rule.id)).toMatchObject({ eventTypes: ['alert.*'] });
  }, 90_000);
});
