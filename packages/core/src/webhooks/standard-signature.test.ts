import { describe, expect, it } from '@jest/globals';

import { newSigningSecret, signStandardWebhook, verifyStandardWebhook } from './standard-signature.ts';

/** The example of the specification's own libraries. */
const PUBLISHED = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampS: 1_614_265_330, body: '{"test": 2432232314}' };
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
const nowMs = PUBLISHED.timestampS * 1000;
const headers = { id: PUBLISHED.id, timestamp: String(PUBLISHED.timestampS), signature: SIGNATURE };
const refused = expect.objectContaining({ code: 'SIGNATURE_INVALID', status: 401 });

describe('a signature of Standard Webhooks', () => {
  it('is that of the published vector', async () => {
    expect(await signStandardWebhook(PUBLISHED, [SECRET])).toBe(SIGNATURE);
    await verifyStandardWebhook(headers, PUBLISHED.body, { secrets: [SECRET], nowMs });
    await verifyStandardWebhook(headers, new TextEncoder().encode(PUBLISHED.body), { secrets: [SECRET.slice('whsec_'.length)], nowMs });
  });

  it('comes once for each secret while one is rotated, and either is enough', async () => {
    const next = newSigningSecret();
    const signature = await signStandardWebhook(PUBLISHED, [next, SECRET]);
    expect(signature.split(' ')).toEqual([expect.stringMatching(/^v1,/), SIGNATURE]);
    for (const secret of [next, SECRET]) await verifyStandardWebhook({ ...headers, signature }, PUBLISHED.body, { secrets: [secret], nowMs });
    await verifyStandardWebhook({ ...headers, signature: `v1a,whatever ${SIGNATURE}` }, PUBLISHED.body, { secrets: [SECRET], nowMs });
  });

  it.each<[string, Partial<typeof headers> | { id: null }, string]>([
    ['another body', {}, '{"test": 2432232315}'],
    ['another id', { id: 'msg_other' }, PUBLISHED.body],
    ['another timestamp', { timestamp: String(PUBLISHED.timestampS + 1) }, PUBLISHED.body],
    ['no id', { id: null }, PUBLISHED.body],
    ['a timestamp that is none', { timestamp: '1e9' }, PUBLISHED.body],
    ['a signature of another version', { signature: SIGNATURE.replace('v1,', 'v2,') }, PUBLISHED.body],
    ['a signature that is no base64', { signature: 'v1,*' }, PUBLISHED.body],
    ['no signature', { signature: '' }, PUBLISHED.body],
  ])('does not fit %s', async (_, other, body) => {
    await expect(verifyStandardWebhook({ ...headers, ...other }, body, { secrets: [SECRET], nowMs })).rejects.toEqual(refused);
  });

  it('does not fit under another secret, and is worth nothing five minutes later or earlier', async () => {
    await expect(verifyStandardWebhook(headers, PUBLISHED.body, { secrets: [newSigningSecret()], nowMs })).rejects.toEqual(refused);
    for (const away of [301_000, -301_000]) await expect(verifyStandardWebhook(headers, PUBLISHED.body, { secrets: [SECRET], nowMs: nowMs + away })).rejects.toEqual(refused);
    await verifyStandardWebhook(headers, PUBLISHED.body, { secrets: [SECRET], nowMs: nowMs + 299_000 });
  });
});

describe('a new secret', () => {
  it('is made of 24 random bytes, and a text that is none is told apart from a wrong signature', async () => {
    expect(newSigningSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    expect(newSigningSecret()).not.toBe(newSigningSecret());
    await expect(signStandardWebhook(PUBLISHED, ['whsec_*'])).rejects.toEqual(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
