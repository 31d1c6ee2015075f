import { describe, expect, it } from '@jest/globals';

import { backendOf } from './queue-url.ts';

describe('a queue URL', () => {
  it('chooses the backend', () => {
    const ofRedis = ['redis://h', 'rediss://h', 'redis+cluster://a:1,b:2', 'redis+sentinel://a:1,b:2/main', 'redis://a:1,b:2'];
    expect(ofRedis.map(backendOf)).toEqual(ofRedis.map(() => 'redis'));
    expect(['postgres://h/d', 'postgresql://h/d'].map(backendOf)).toEqual(['postgres', 'postgres']);
  });

  it.each(['http://user:hunter2@h', 'hunter2', ''])('of another kind is refused without being told: %p', (url) => {
    expect(() => backendOf(url)).toThrow(/^(?!.*hunter2).*a queue URL is redis:/);
  });
});
