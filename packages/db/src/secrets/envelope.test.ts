import { randomBytes } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import { openSecret, rewrapSecret, sealSecret } from './envelope.ts';
import { parseKeyRing } from './key-ring.ts';

const newKey = () => randomBytes(32).toString('base64');
const ref = { orgId: 'acme', name: 'TOKEN' };

describe('a sealed secret', () => {
  const key = newKey();
  const ring = parseKeyRing(key);

  it('opens to what was sealed, whatever it is, and looks different each time', () => {
    for (const value of ['x', 'ünïcode ✓', 'line\nline', 'x'.repeat(32_768)]) expect(openSecret(ring, ref, sealSecret(ring, ref, value))).toBe(value);
    const [one, two] = [sealSecret(ring, ref, 'same'), sealSecret(ring, ref, 'same')];
    expect([one.sealedValue.equals(two.sealedValue), one.wrappedKey.equals(two.wrappedKey)]).toEqual([false, false]);
    expect(Buffer.concat([one.sealedValue, one.wrappedKey]).includes('same')).toBe(false);
  });

  it.each([
    ['another organization', { ...ref, orgId: 'other' }], ['another name', { ...ref, name: 'OTHER' }],
  ])('does not open as that of %s', (_, elsewhere) => {
    expect(() => openSecret(ring, elsewhere, sealSecret(ring, ref, 'value'))).toThrow(expect.objectContaining({ code: 'SECRETS_UNAVAILABLE' }));
  });

  it('does not open where any bit of it was changed, or it was cut', () => {
    const sealed = sealSecret(ring, ref, 'value');
    for (const part of ['wrappedKey', 'sealedValue'] as const) {
      for (let at = 0; at < sealed[part].length; at += 1) {
        const changed = Buffer.from(sealed[part]);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(() => openSecret(ring, ref, { ...sealed, [part]: changed })).toThrow('does not open');
      }
      expect(() => openSecret(ring, ref, { ...sealed, [part]: sealed[part].subarray(0, 10) })).toThrow('does not open');
    }
  });

  it('opens after a rotation once it was wrapped again, without the key before', () => {
    const sealed = sealSecret(ring, ref, 'value');
    const next = newKey();
    const both = parseKeyRing(`${next},${key}`);
    expect(openSecret(both, ref, sealed)).toBe('value');
    const rewrapped = { ...sealed, ...rewrapSecret(both, ref, sealed) };
    expect(openSecret(parseKeyRing(next), ref, rewrapped)).toBe('value');
    expect(() => openSecret(ring, ref, rewrapped)).toThrow(expect.objectContaining({ code: 'SECRETS_UNAVAILABLE' }));
  });
});

describe('master keys', () => {
  it('are 32 bytes in base64, and an error does not tell what was given instead', () => {
    for (const text of ['', 'short', randomBytes(31).toString('base64'), randomBytes(33).toString('base64'), `${newKey()},hunter2`]) {
      expect(() => parseKeyRing(text)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
      expect(() => parseKeyRing(text)).not.toThrow('hunter2');
    }
    const bytes = randomBytes(32);
    expect(parseKeyRing(bytes.toString('base64url')).current.id).toBe(parseKeyRing(`${bytes.toString('base64')}\n`).current.id);
  });
});
