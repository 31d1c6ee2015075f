import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { destinationOf, findRule } from './egress-policy.ts';
import { egressManifestSchema, egressRuleSchema } from './egress-schemas.ts';

const allows = (allow: unknown[], url: string, method: string | null = 'GET') =>
  findRule(egressManifestSchema.parse({ allow }), destinationOf(new URL(url), method)) !== null;

describe('the allowlist of a version', () => {
  it.each([
    ['api.example.com', 'https://api.example.com/x', true],
    ['api.example.com', 'https://API.EXAMPLE.COM./x', true],
    ['api.example.com', 'https://example.com/', false],
    ['api.example.com', 'https://api.example.com.evil.net/', false],
    ['api.example.com', 'https://evil.net/?api.example.com', false],
    ['api.example.com', 'http://api.example.com/', false],
    ['api.example.com', 'https://api.example.com:8443/', false],
    ['*.example.com', 'https://a.example.com/', true],
    ['*.example.com', 'https://a.b.example.com/', false],
    ['*.example.com', 'https://example.com/', false],
    ['*.example.com', 'https://aexample.com/', false],
    ['api.*.example.com', 'https://api.eu.example.com/', true],
    ['203.1.2.3', 'https://203.1.2.3/', true],
    ['203.1.2.3', 'https://0xcb.1.2.3/', true],
    ['*.1.2.3', 'https://203.1.2.3/', false],
    ['[2606:4700::1]', 'https://[2606:4700:0:0::1]/', true],
    ['xn--bcher-kva.example.com', 'https://bücher.example.com/', true],
  ])('%s: %s is %s', (host, url, expected) => { expect(allows([{ host }], url)).toBe(expected); });

  it('goes by port and method', () => {
    const rule = { host: 'a.example.com', ports: [80, 8443], methods: ['GET', 'HEAD'] };
    expect([allows([rule], 'http://a.example.com/'), allows([rule], 'https://a.example.com:8443/', 'HEAD'), allows([rule], 'http://a.example.com/', 'POST'), allows([rule], 'https://a.example.com/')])
      .toEqual([true, true, false, false]);
  });

  it('opens no tunnel where it looks at methods or adds headers', () => {
    const host = 'a.example.com';
    expect([[{ host }], [{ host, methods: ['GET'] }], [{ host, headers: { 'x-key': '${K}' } }], [{ host, methods: ['GET'] }, { host }]].map((allow) => allows(allow, 'https://a.example.com/', null)))
      .toEqual([true, false, false, true]);
  });

  it('takes no wildcard that stands for nearly everything', () => {
    for (const host of ['*', '*.com', 'a.*', '**.example.com', 'a*.example.com', 'Example.com', 'a..b', 'a b.com', 'https://a.com', '', 'a.com:443']) expect(egressRuleSchema.safeParse({ host }).success).toBe(false);
  });

  it('takes no header that HTTP keeps for itself, and no template that could end a line', () => {
    for (const headers of [{ host: 'x' }, { 'content-length': '1' }, { connection: 'x' }, { 'Proxy-Authorization': 'x' }, { 'x-a': 'b\r\nc: d' }, { 'x-a': '${not a name}' }, { 'x a': 'b' }]) {
      expect(egressRuleSchema.safeParse({ host: 'a.example.com', headers }).success).toBe(false);
    }
  });

  it('allows under *.example.com only names of one more label', () => {
    const label = fc.constantFrom('example', 'com', 'a', 'b-c', 'xn--bcher-kva', 'evil', 'net');
    fc.assert(fc.property(fc.array(label, { minLength: 1, maxLength: 5 }), (labels) => {
      const host = labels.join('.');
      expect([host, allows([{ host: '*.example.com' }], `https://${host}/`)]).toEqual([host, /^[^.]+\.example\.com$/.test(host)]);
    }));
  });
});
