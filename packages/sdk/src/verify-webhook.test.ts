import { describe, expect, it } from '@jest/globals';

import { verifyWebhook } from './verify-webhook.ts';

/** The example of the specification's own libraries. */
const BODY = '{"test": 2432232314}';
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const HEADERS = { 'Webhook-Id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' };
const nowMs = 1_614_265_330_000;

describe('a webhook that arrives', () => {
  it.each([
    ['the headers of fetch', new Headers(HEADERS)], ['the headers of Node', HEADERS], ['several values', Object.fromEntries(Object.entries(HEADERS).map(([name, value]) => [name, [value]]))],
  ])('is verified by %s', async (_, headers) => {
    expect(await verifyWebhook(headers, BODY, SECRET, { nowMs })).toEqual({ test: 2_432_232_314 });
    expect(await verifyWebhook(headers, new TextEncoder().encode(BODY), ['whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', SECRET], { nowMs })).toEqual({ test: 2_432_232_314 });
  });

  it('is refused where it was not signed with the secret, is old, or is no JSON', async () => {
    const refused = expect.objectContaining({ code: 'SIGNATURE_INVALID' });
    await expect(verifyWebhook(HEADERS, `${BODY} `, SECRET, { nowMs })).rejects.toEqual(refused);
    await expect(verifyWebhook({}, BODY, SECRET, { nowMs })).rejects.toEqual(refused);
    await expect(verifyWebhook(HEADERS, BODY, SECRET)).rejects.toEqual(refused);
    await expect(verifyWebhook(HEADERS, BODY, SECRET, { nowMs: nowMs + 20_000, toleranceMs: 10_000 })).rejects.toEqual(refused);
  });
});
