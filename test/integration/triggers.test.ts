import { createHmac } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newSigningSecret, signStandardWebhook, type CreateTriggerRequest, type CreatedTrigger } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** Webhooks in, over real HTTP: each scheme as its sender signs. */
let system: RunningSystem;
let acme: BullpenClient;

beforeAll(async () => {
  system = await startSystem({ queue: 'redis', workers: 1 });
  acme = await system.organization('acme');
  await deploy(acme, 'echo', 'async (input) => input');
});
afterAll(() => system.stop());

interface Sent {
  status: number;
  body: { runId?: string; duplicate?: boolean; code?: string; challenge?: string; requestId?: string };
}

const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');
const nowS = () => Math.floor(Date.now() / 1000);

async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Sent> {
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Sent['body'] };
}

let made = 0;
const addTrigger = (request: Partial<CreateTriggerRequest>): Promise<CreatedTrigger> => {
  made += 1;
  return acme.triggers.create({ name: `trigger-${made}`, run: { agent: 'echo' }, ...request });
};

type Signer = (options: { secret: string; body: string; id: string; atS: number }) => Promise<Record<string, string>> | Record<string, string>;
const SIGNERS: Record<'standard' | 'github' | 'stripe' | 'slack', Signer> = {
  standard: async ({ secret, body, id, atS }) => ({ 'webhook-id': id, 'webhook-timestamp': String(atS), 'webhook-signature': await signStandardWebhook({ id, timestampS: atS, body }, [secret]) }),
  github: ({ secret, body, id }) => ({ 'x-github-event': 'issues', 'x-github-delivery': id, 'x-hub-signature-256': `sha256=${hex(secret, body)}` }),
  stripe: ({ secret, body, atS }) => ({ 'stripe-signature': `t=${atS},v1=${hex(secret, `${atS}.${body}`)}` }),
  slack: ({ secret, body, atS }) => ({ 'x-slack-request-timestamp': String(atS), 'x-slack-signature': `v0=${hex(secret, `v0:${atS}:${body}`)}` }),
};

describe.each(Object.entries(SIGNERS))('events as %s sends them', (name, sign) => {
  const scheme = name as keyof typeof SIGNERS;
  const bodyOf = (id: string, more = {}) => JSON.stringify({ id, event_id: id, type: 'happened', value: 7, ...more });
  let trigger: CreatedTrigger;
  beforeAll(async () => { trigger = await addTrigger({ scheme, input: { value: { $event: '/body/value' }, text: 'got {{/body/id}}' } }); });

  const send = async (id: string, { body = bodyOf(id), secret = trigger.secret ?? '', atS = nowS() }: { body?: string; secret?: string; atS?: number } = {}) =>
    post(trigger.url, body, await sign({ secret, body, id, atS }));
  const runsOf = async () => (await acme.runs.list({ metadata: { trigger: trigger.name } })).items.length;

  it('become runs', async () => {
    const { status, body } = await send('evt_1');
    expect([status, body]).toEqual([202, { runId: expect.stringMatching(/^run_/), duplicate: false }]);
    const run = await acme.runs.wait(body.runId!);
    expect(run).toMatchObject({ state: 'succeeded', input: { value: 7, text: 'got evt_1' }, result: { value: 7, text: 'got evt_1' }, metadata: { trigger: trigger.name, event: scheme === 'github' ? 'issues' : 'happened' } });
  });

  it('become one run however often they arrive', async () => {
    const first = await send('evt_2');
    const again = await Promise.all([send('evt_2'), send('evt_2'), send('evt_2')]);
    expect(again.map(({ body }) => [body.runId, body.duplicate])).toEqual(Array.from({ length: 3 }, () => [first.body.runId, true]));
    if (scheme === 'github') return;
    expect((await send('evt_2', { body: bodyOf('evt_2', { attempt: 2 }) })).body).toEqual({ runId: first.body.runId, duplicate: true });
  });

  it('are refused, and nothing is recorded, where the signature is wrong, missing, or over something else', async () => {
    const before = await runsOf();
    const other = scheme === 'standard' ? newSigningSecret() : 'another secret altogether';
    const refusals = [await send('evt_3', { secret: other }), await post(trigger.url, bodyOf('evt_3')), await post(trigger.url, bodyOf('evt_3', { value: 8 }), await sign({ secret: trigger.secret!, body: bodyOf('evt_3'), id: 'evt_3', atS: nowS() }))];
    for (const { status, body } of refusals) expect([status, body.code, typeof body.requestId]).toEqual([401, 'SIGNATURE_INVALID', 'string']);
    expect(await runsOf()).toBe(before);
  });

  it('are refused when they are old and sent again', async () => {
    const { status, body } = await send('evt_4', { atS: nowS() - 301 });
    // GitHub signs no time: what is sent again there is the same body, and so the same run.
    expect([status, body.code]).toEqual(scheme === 'github' ? [202, undefined] : [401, 'SIGNATURE_INVALID']);
  });
});

describe('a trigger', () => {
  it('without signatures is as secret as its URL, which can be changed', async () => {
    const trigger = await addTrigger({ scheme: 'none', eventIdAt: '/order' });
    expect(trigger.secret).toBeNull();
    const first = await post(trigger.url, '{"order": 12}');
    expect(first.status).toBe(202);
    expect((await post(trigger.url, '{"order": 12, "again": true}')).body).toEqual({ runId: first.body.runId, duplicate: true });
    expect((await acme.runs.wait(first.body.runId!)).input).toEqual({ order: 12 });
    const wrong = [`${trigger.url}x`, trigger.url.replace(/[^/]+$/, 'guess'), trigger.url.replace(/trg_[^/]+/, 'trg_01jd3v0000000000000000000x')];
    for (const url of wrong) expect((await post(url, '{}')).status).toBe(404);
    const rotated = await acme.triggers.rotate(trigger.name, { overlapMs: 0 });
    expect((await post(trigger.url, '{"order": 13}')).status).toBe(404);
    expect((await post(rotated.url!, '{"order": 13}')).status).toBe(202);
    await expect(acme.triggers.rotate(trigger.name, { what: 'secret' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('takes what was signed with the old secret while it is rotated, and one that the sender made', async () => {
    const trigger = await addTrigger({ scheme: 'slack', secret: '8f742231b10e8888abcd99yyyzzz85a5' });
    const send = async (secret: string, id: string) => {
      const body = JSON.stringify({ event_id: id });
      return (await post(trigger.url, body, await SIGNERS.slack({ secret, body, id, atS: nowS() }))).status;
    };
    expect(await send('8f742231b10e8888abcd99yyyzzz85a5', 'a')).toBe(202);
    const { secret } = await acme.triggers.rotate(trigger.name, { overlapMs: 60_000 });
    expect([await send(secret!, 'b'), await send('8f742231b10e8888abcd99yyyzzz85a5', 'c')]).toEqual([202, 202]);
    await acme.triggers.rotate(trigger.name, { overlapMs: 0 });
    expect([await send(secret!, 'd'), await send('8f742231b10e8888abcd99yyyzzz85a5', 'e')]).toEqual([401, 401]);
  });

  it('answers Slack when it asks whether somebody is there, if it is Slack who asks', async () => {
    const trigger = await addTrigger({ scheme: 'slack' });
    const body = '{"type":"url_verification","challenge":"3eZbrw1aB"}';
    expect(await post(trigger.url, body, await SIGNERS.slack({ secret: trigger.secret!, body, id: '', atS: nowS() }))).toEqual({ status: 200, body: { challenge: '3eZbrw1aB' } });
    expect((await post(trigger.url, body)).status).toBe(401);
  });

  it('that is disabled is gone until it is enabled, and for good when it is deleted', async () => {
    const trigger = await addTrigger({ scheme: 'none' });
    await acme.triggers.disable(trigger.name);
    expect(await post(trigger.url, '{}')).toMatchObject({ status: 410, body: { code: 'TRIGGER_DISABLED' } });
    await acme.triggers.enable(trigger.name);
    expect((await post(trigger.url, '{}')).status).toBe(202);
    await acme.triggers.delete(trigger.name);
    expect((await post(trigger.url, '{}')).status).toBe(404);
  });

  it('reads forms, and refuses what is too large, cannot be read, or cannot be an input', async () => {
    const trigger = await addTrigger({ scheme: 'none', input: { command: { $event: '/body/command' } } });
    const form = await post(trigger.url, 'command=%2Fdeploy&text=now', { 'content-type': 'application/x-www-form-urlencoded' });
    expect((await acme.runs.wait(form.body.runId!)).input).toEqual({ command: '/deploy' });
    expect(await post(trigger.url, '{')).toMatchObject({ status: 422, body: { code: 'EVENT_INVALID' } });
    expect(await post(trigger.url, JSON.stringify('x'.repeat(1_100_000)))).toMatchObject({ status: 413, body: { code: 'INPUT_TOO_LARGE' } });
    expect(await post(trigger.url, '{"command": "\\u0000"}')).toMatchObject({ status: 422, body: { code: 'INPUT_NOT_STORABLE' } });
    expect((await post(trigger.url, '')).status).toBe(202);
    expect((await post(trigger.url, '{}', { 'content-encoding': 'gzip' })).status).toBe(400);
  });

  it('is refused when it is made for an agent that is not there, with a template that is none, or twice', async () => {
    await expect(addTrigger({ run: { agent: 'nobody' } })).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
    await expect(addTrigger({ input: { $event: 'no pointer' } })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(addTrigger({ scheme: 'standard', secret: 'not base64 at all' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(acme.triggers.create({ name: 'trigger-1', run: { agent: 'echo' } })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  it('is its owner\'s, tells its secrets once, and leaves an entry in the audit log for each run', async () => {
    const birch = await system.organization('birch');
    await expect(birch.triggers.get('trigger-1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const owner = system.clientOf(system.apis[0]!, 'acme');
    const shown = JSON.stringify([await acme.triggers.list(), await acme.triggers.get('trigger-1'), await owner.audit.list({ limit: 200 })]);
    expect(shown).not.toMatch(/whsec_|\/v1\/hooks\//);
    const { items } = await owner.audit.list({ action: 'receiveEvent', limit: 1 });
    expect(items).toMatchObject([{ target: expect.stringMatching(/^run\//), keyId: expect.stringMatching(/^trg_/), after: { trigger: expect.any(String) } }]);
    const page = await (await fetch(`${system.apis[0]!.url()}/metrics`)).text();
    for (const outcome of ['accepted', 'duplicate', 'unsigned', 'disabled', 'unknown', 'challenge', 'invalid']) expect(page).toMatch(new RegExp(`^bullpen_trigger_events_total\\{outcome="${outcome}"\\} [1-9]`, 'm'));
  });
});
