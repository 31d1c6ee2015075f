import { describe, expect, it } from '@jest/globals';

import { backendOf } from './queue-url.ts';

describe('a queue URL', () => {
  it('chooses the backend', () => {
    expect(['redis://h', 'rediss://h', 'postgres://h/d', 'postgresql://h/d'].map(backendOf)).toEqual(['redis', 'redis', 'postgres', 'postgres']);
  });

  it.each(['http://user:hunter2@h', 'hunter2', ''])('of another kind is refused without being told: %p', (url) => {
    expect(() => backendOf(url)).toThrow(/^(?!.*hunter2).*a queue URL is redis:/);
  });
});
