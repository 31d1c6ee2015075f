import { describe, expect, it } from '@jest/globals';

import { isSpecial, newWebhookSecret, sendWebhook, signWebhook } from './webhook.ts';

describe('a signature', () => {
  it('is that of the specification', () => {
    // The example of the specification's own libraries.
    const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampS: 1_614_265_330, body: '{"test": 2432232314}', secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' };
    expect(signWebhook(message)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it('is made with a secret of its own', () => {
    expect(newWebhookSecret()).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    expect(newWebhookSecret()).not.toBe(newWebhookSecret());
  });
});

describe('an address that is not outside', () => {
  it.each(['127.0.0.1', '10.1.2.3', '172.20.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '::1', '::', 'fe80::1', 'fd00::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1'])(
    'is not sent to: %s', async (address) => {
      expect(isSpecial(address)).toBe(true);
      const url = `http://${address.includes(':') ? `[${address}]` : address}:9/`;
      await expect(sendWebhook({ id: 'm', body: '{}', secret: newWebhookSecret(), timestampS: 1, url }, { allowPrivateAddresses: false })).rejects.toThrow(/outside/);
    });

  it('is none of these', () => {
    expect(['1.1.1.1', '8.8.8.8', '2606:4700:4700::1111'].map(isSpecial)).toEqual([false, false, false]);
  });
});
