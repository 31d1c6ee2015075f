import { describe, expect, it, jest } from '@jest/globals';

import { keyOfFragment, takeKeyFromAddress } from './session-key.ts';

function addressOf(hash: string) {
  const replaceState = jest.fn();
  const target = { location: { hash, pathname: '/admin/runtime/', search: '?org=acme' }, history: { replaceState } };
  return { target: target as unknown as Pick<Window, 'location' | 'history'>, replaceState };
}

describe('the key in the address', () => {
  it.each([['#key=abc%2B1', 'abc+1'], ['#a=1&key=abc', 'abc'], ['#key=', null], ['', null], ['#runs', null]])('reads %j as %j', (hash, key) => {
    expect(keyOfFragment(hash)).toBe(key);
  });

  it('removes the fragment and keeps the rest of the address', () => {
    const { target, replaceState } = addressOf('#key=secret');
    expect(takeKeyFromAddress(target)).toBe('secret');
    expect(replaceState).toHaveBeenCalledWith(null, '', '/admin/runtime/?org=acme');
  });

  it('leaves an address without a key alone', () => {
    const { target, replaceState } = addressOf('#section');
    expect(takeKeyFromAddress(target)).toBeNull();
    expect(replaceState).not.toHaveBeenCalled();
  });
});
