import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { documentedOperations, type DocumentedOperation } from '../system/api-document.ts';
import { ADMIN_KEY, startSystem, type RunningSystem } from '../system/running-system.ts';

/** What every answer carries, whatever route gave it and whether or not it is an error; over real HTTP, with settings as they come. */
const OTHER_PATHS = ['/', '/docs/', '/admin/runtime/', '/admin/queues/', '/v1', '/v1/nothing', '/nothing', '/%ED%A0%80', '/admin/queues/api/queues'];

describe('the headers of answers', () => {
  let system: RunningSystem;
  let operations: DocumentedOperation[];
  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    await system.startApi();
    operations = await documentedOperations(system.apis[0]!.url());
    await system.admin.organizations.create({ id: 'acme' });
  });
  afterAll(async () => { await system.stop(); });

  const ask = (method: string, path: string, headers: Record<string, string> = {}, api = 0) =>
    fetch(`${system.apis[api]!.url()}${path}`, { method, headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', ...headers }, redirect: 'manual' });
  /** With an id that is nobody's: nothing changes, and what is refused carries the same headers. */
  const targets = (): [method: string, path: string][] => [
    ...operations.map(({ method, path }) => [method.toUpperCase(), path.replace(/\{\w+\}/g, 'nobody')] as [string, string]),
    ...OTHER_PATHS.map((path) => ['GET', path] as [string, string]),
  ];

  it('keep browsers from guessing types, framing, leaking addresses and loading anything: on every route and page, and on errors', async () => {
    for (const [method, path] of targets()) {
      const answer = await ask(method, path);
      await answer.body?.cancel();
      const { headers } = answer;
      expect({ method, path, sniff: headers.get('x-content-type-options'), referrer: headers.get('referrer-policy'), by: headers.get('x-powered-by') })
        .toEqual({ method, path, sniff: 'nosniff', referrer: 'no-referrer', by: null });
      expect([path, headers.get('x-frame-options')]).toEqual([path, expect.stringMatching(/^(DENY|SAMEORIGIN)$/)]);
      const policy = headers.get('content-security-policy') ?? '';
      expect([path, policy]).toEqual([path, expect.stringMatching(/^\/v1(\/|$)/.test(path) ? /^default-src 'none';frame-ancestors 'none'$/ : /default-src 'self'/)]);
    }
  });

  it('allow no page of another origin anything, where nobody listed it', async () => {
    const origin = 'https://app.example.com';
    const allowed = (answer: Response) => [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
    for (const [method, path] of targets()) {
      const [answer, preflight] = await Promise.all([ask(method, path, { origin }), ask('OPTIONS', path, { origin, 'access-control-request-method': method })]);
      await Promise.all([answer.body?.cancel(), preflight.body?.cancel()]);
      expect([path, allowed(answer), allowed(preflight)]).toEqual([path, [], []]);
    }
  });

  it('say what is left of one quota, whichever process answers, on every route that takes a key', async () => {
    const { secret } = await system.admin.keys.create({ orgId: 'acme' });
    const left: { remaining: number; resetS: number; quota: number }[] = [];
    for (const [n, { method, path }] of operations.filter(({ path }) => path.startsWith('/v1/') && !path.startsWith('/v1/hooks')).entries()) {
      const answer = await ask(method.toUpperCase(), path.replace(/\{\w+\}/g, 'nobody'), { authorization: `Bearer ${secret}` }, n % 2);
      await answer.body?.cancel();
      const [, remaining, resetS] = /^"key";r=(\d+);t=(\d+)$/.exec(answer.headers.get('ratelimit') ?? '') ?? [];
      const [, quota] = /^"key";q=(\d+);w=60$/.exec(answer.headers.get('ratelimit-policy') ?? '') ?? [];
      expect([path, remaining, quota]).toEqual([path, expect.any(String), expect.any(String)]);
      left.push({ remaining: Number(remaining), resetS: Number(resetS), quota: Number(quota) });
    }
    // At the turn of the minute it begins anew.
    const inWindow = left.slice(2).filter(({ resetS }, n) => resetS <= left[n]!.resetS);
    expect(inWindow.length).toBeGreaterThan(left.length / 2);
    // Each process counts down by one, and knows of the other to within the block that it took: a fiftieth of the quota.
    const wrong = left.filter(({ remaining, resetS, quota }, n) => {
      const [own, other] = [left[n - 2], left[n - 1]];
      if (own === undefined || other === undefined || resetS > own.resetS || other.resetS > own.resetS) return false;
      return remaining !== own.remaining - 1 || Math.abs(remaining - other.remaining) > quota / 50;
    });
    expect(wrong).toEqual([]);
  });
});
