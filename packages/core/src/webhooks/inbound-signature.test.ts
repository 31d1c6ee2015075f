import { createHmac } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import { verifyInbound, type SignatureScheme } from './inbound-signature.ts';
import { signStandardWebhook } from './standard-signature.ts';

const NOW_S = 1_772_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');
const BODY = '{"a": 1}';

type Signed = (options: { body: string; secret: string; timestampS: number }) => Promise<Record<string, string>> | Record<string, string>;
const SECRETS: Record<string, [string, string]> = { standard: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] };
const SIGNERS: Record<Exclude<SignatureScheme, 'none'>, Signed> = {
  standard: async ({ body, secret, timestampS }) => ({ 'webhook-id': 'msg_1', 'webhook-timestamp': String(timestampS), 'webhook-signature': await signStandardWebhook({ id: 'msg_1', timestampS, body }, [secret]) }),
  github: ({ body, secret }) => ({ 'x-hub-signature-256': `sha256=${hex(secret, body)}` }),
  stripe: ({ body, secret, timestampS }) => ({ 'stripe-signature': `t=${timestampS},v1=${'00'.repeat(32)},v1=${hex(secret, `${timestampS}.${body}`)},v0=old` }),
  slack: ({ body, secret, timestampS }) => ({ 'x-slack-request-timestamp': String(timestampS), 'x-slack-signature': `v0=${hex(secret, `v0:${timestampS}:${body}`)}` }),
};
const refused = expect.objectContaining({ code: 'SIGNATURE_INVALID' });

describe.each(Object.entries(SIGNERS))('events signed as %s does', (name, sign) => {
  const scheme = name as SignatureScheme;
  const [secret, other] = SECRETS[scheme] ?? ['the secret', 'another one'];
  const check = { secrets: [secret], nowMs: NOW_S * 1000 };
  const signed = (timestampS = NOW_S) => sign({ body: BODY, secret, timestampS });

  it('are let in, also while their secret is rotated', async () => {
    await verifyInbound(scheme, { headers: await signed(), body: bytes(BODY) }, check);
    await verifyInbound(scheme, { headers: await signed(), body: bytes(BODY) }, { ...check, secrets: [other, secret] });
  });

  it('are refused with another body, under another secret, and without a signature', async () => {
    await expect(verifyInbound(scheme, { headers: await signed(), body: bytes(`${BODY} `) }, check)).rejects.toEqual(refused);
    await expect(verifyInbound(scheme, { headers: await signed(), body: bytes(BODY) }, { ...check, secrets: [other] })).rejects.toEqual(refused);
    await expect(verifyInbound(scheme, { headers: {}, body: bytes(BODY) }, check)).rejects.toEqual(refused);
    const blank = Object.fromEntries(Object.keys(await signed()).map((header) => [header, '']));
    await expect(verifyInbound(scheme, { headers: blank, body: bytes(BODY) }, check)).rejects.toEqual(refused);
  });

  it(`are ${name === 'github' ? 'let in' : 'refused'} when they are sent again later: GitHub signs no time`, async () => {
    const late = verifyInbound(scheme, { headers: await signed(), body: bytes(BODY) }, { ...check, nowMs: (NOW_S + 301) * 1000 });
    await (scheme === 'github' ? expect(late).resolves.toBeUndefined() : expect(late).rejects.toEqual(refused));
  });
});

describe('the vectors that providers publish', () => {
  it('of GitHub', async () => {
    const headers = { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' };
    await verifyInbound('github', { headers, body: bytes('Hello, World!') }, { secrets: ["It's a Secret to Everybody"], nowMs: 0 });
  });

  it('of Slack', async () => {
    const body = 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const headers = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' };
    await verifyInbound('slack', { headers, body: bytes(body) }, { secrets: ['8f742231b10e8888abcd99yyyzzz85a5'], nowMs: 1_531_420_618_000 });
  });
});

describe('events without a signature', () => {
  it('are let in: the URL is the secret', async () => {
    await expect(verifyInbound('none', { headers: {}, body: bytes(BODY) }, { secrets: [], nowMs: 0 })).resolves.toBeUndefined();
  });
});
