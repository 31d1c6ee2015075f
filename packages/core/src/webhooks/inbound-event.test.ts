import { describe, expect, it } from '@jest/globals';

import { readInboundEvent, slackChallengeOf } from './inbound-event.ts';

const request = (body: string, headers: Record<string, string> = {}) => ({ headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: new TextEncoder().encode(body) });

describe('an event', () => {
  it('is what makes it the same event, by what its scheme signs', async () => {
    const idOf = async (...args: Parameters<typeof readInboundEvent>) => (await readInboundEvent(...args)).id;
    expect(await idOf('standard', request('{}', { 'webhook-id': 'msg_1' }), null)).toBe('msg_1');
    expect(await idOf('stripe', request('{"id": "evt_1", "type": "charge.succeeded"}'), null)).toBe('evt_1');
    expect(await idOf('slack', request('{"event_id": "Ev1"}'), null)).toBe('Ev1');
    expect(await idOf('none', request('{}', { 'idempotency-key': 'k' }), null)).toBe('k');
    expect(await idOf('none', request('{"order": {"no": 12}}'), '/order/no')).toBe('12');
    expect(await idOf('none', request('{}'), null)).toBeNull();
    const [one, again, other] = await Promise.all([['{"a":1}', 'x'], ['{"a":1}', 'y'], ['{"a":2}', 'x']].map(([body = '', id = '']) => idOf('github', request(body, { 'x-github-delivery': id }), null)));
    expect([one === again, one === other]).toEqual([true, false]);
  });

  it('has a type, and headers without what proves who sent it', async () => {
    const event = await readInboundEvent('github', request('{"action": "opened"}', { 'x-github-event': 'issues', 'x-hub-signature-256': 'sha256=1', cookie: 'c', authorization: 'a' }), null);
    expect(event).toMatchObject({ type: 'issues', body: { action: 'opened' } });
    expect(event.headers).toEqual({ 'content-type': 'application/json; charset=utf-8', 'x-github-event': 'issues' });
    expect(await readInboundEvent('slack', request('{"type": "event_callback", "event": {"type": "app_mention"}}'), null)).toMatchObject({ type: 'app_mention' });
  });

  it('may be a form, and the JSON in one', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await readInboundEvent('slack', request('command=%2Fdeploy&text=now&trigger_id=1.2', form), null)).toMatchObject({ id: '1.2', body: { command: '/deploy', text: 'now' } });
    expect(await readInboundEvent('github', request('payload=%7B%22ref%22%3A%22main%22%7D', form), null)).toMatchObject({ body: { payload: { ref: 'main' } } });
  });

  it.each([['{', {}], ['payload={', { 'content-type': 'application/x-www-form-urlencoded' }]])('is none where it cannot be read: %s', async (body, headers) => {
    await expect(readInboundEvent('none', request(body, headers), null)).rejects.toEqual(expect.objectContaining({ code: 'EVENT_INVALID' }));
  });

  it('of Slack may only ask whether somebody is there', async () => {
    const asks = await readInboundEvent('slack', request('{"type": "url_verification", "challenge": "abc"}'), null);
    expect([slackChallengeOf('slack', asks), slackChallengeOf('stripe', asks)]).toEqual(['abc', null]);
    expect(slackChallengeOf('slack', await readInboundEvent('slack', request('{"type": "event_callback"}'), null))).toBeNull();
  });
});
