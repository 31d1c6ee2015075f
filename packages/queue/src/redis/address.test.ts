import { describe, expect, it } from '@jest/globals';

import { parseRedisUrl } from './address.ts';

describe('a Redis URL', () => {
  it('names one server', () => {
    expect(parseRedisUrl('redis://h')).toEqual({ kind: 'single', nodes: [{ host: 'h', port: 6379 }], db: 0, isTls: false });
    expect(parseRedisUrl('rediss://me:p%40ss@[::1]:7000/3')).toEqual({
      kind: 'single', nodes: [{ host: '::1', port: 7000 }], db: 3, isTls: true, username: 'me', password: 'p@ss',
    });
    expect(parseRedisUrl('redis://:secret@h:1')).toEqual({ kind: 'single', nodes: [{ host: 'h', port: 1 }], db: 0, isTls: false, password: 'secret' });
  });

  it('names nodes of a cluster', () => {
    const nodes = [{ host: 'a', port: 1 }, { host: 'b', port: 6379 }];
    expect(parseRedisUrl('redis+cluster://:s@a:1,b')).toEqual({ kind: 'cluster', nodes, db: 0, isTls: false, password: 's' });
    expect(parseRedisUrl('redis://a:1,b')).toMatchObject({ kind: 'cluster', nodes });
  });

  it('names Sentinels and the master that they watch', () => {
    expect(parseRedisUrl('redis+sentinel://:s@a:1,b/mymaster/2?sentinelPassword=t')).toEqual({
      kind: 'sentinel', nodes: [{ host: 'a', port: 1 }, { host: 'b', port: 26_379 }], masterName: 'mymaster', db: 2, isTls: false, password: 's', sentinelPassword: 't',
    });
  });

  it.each([
    'redis+sentinel://:hunter2@a:1', 'redis+cluster://:hunter2@a:1/2', 'redis://:hunter2@a:1/x', 'redis://:hunter2@a:port', 'redis://', 'redis+other://:hunter2@a', 'http://hunter2',
  ])('that makes no sense is refused without being told: %p', (url) => {
    expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('hunter2') }) as never);
  });
});
