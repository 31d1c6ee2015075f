import { describe, expect, it } from '@jest/globals';

import { hashOfKey, seal, unseal } from './sealed-answer.ts';

describe('a kept answer', () => {
  const answer = { headers: { Location: '/v1/keys/key_1' }, body: { secret: 'bp_very_secret' } };

  it('comes back under its own key and under no other', () => {
    const sealed = seal(answer, 'once');
    expect(unseal(sealed, 'once')).toEqual(answer);
    expect(() => unseal(sealed, 'twice')).toThrow();
  });

  it('shows nothing of what it holds, and differs each time', () => {
    const [one, two] = [seal(answer, 'once'), seal(answer, 'once')];
    expect(Buffer.from(one).toString('latin1')).not.toContain('very_secret');
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(false);
    expect(hashOfKey('once')).toMatch(/^[0-9a-f]{64}$/);
  });
});
