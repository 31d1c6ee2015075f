import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { AddressGuard, isRange } from './address-ranges.ts';

const guard = new AddressGuard();
const isAllowed = (address: string) => guard.judge(address).isAllowed;
const octet = fc.integer({ min: 0, max: 255 });
const hextet = fc.integer({ min: 0, max: 0xffff });

/** IANA's special-purpose registry as numbers, written down a second time. */
const REFUSED_V4: [from: string, bits: number][] = [
  ['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.0.2.0', 24],
  ['192.88.99.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['198.51.100.0', 24], ['203.0.113.0', 24], ['224.0.0.0', 3], ['168.63.129.16', 32],
];
const numberOf = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const isSpecial = (address: string) => REFUSED_V4.some(([from, bits]) => Math.floor(numberOf(address) / 2 ** (32 - bits)) === Math.floor(numberOf(from) / 2 ** (32 - bits)));

describe('the addresses that an agent may be connected to', () => {
  it('are, of IPv4, all but those of the special-purpose registry', () => {
    const anywhere = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
    const nearEdges = fc.tuple(fc.constantFrom(...REFUSED_V4), fc.constantFrom(-1, 0, 1)).map(([[from, bits], off]) => {
      const edge = off < 0 ? numberOf(from) - 1 : numberOf(from) + (off === 0 ? 0 : 2 ** (32 - bits));
      const within = Math.min(2 ** 32 - 1, Math.max(0, edge));
      return [24, 16, 8, 0].map((shift) => Math.floor(within / 2 ** shift) % 256).join('.');
    });
    fc.assert(fc.property(fc.oneof(anywhere, nearEdges), (address) => { expect([address, isAllowed(address)]).toEqual([address, !isSpecial(address)]); }), { numRuns: 2000 });
  });

  it('are never IPv6 addresses that hold an IPv4 one, whatever it is', () => {
    fc.assert(fc.property(hextet, hextet, fc.constantFrom('::ffff:', '::', '64:ff9b::', '64:ff9b:1::', '::ffff:0:'), (high, low, prefix) => {
      expect(isAllowed(`${prefix}${high.toString(16)}:${low.toString(16)}`)).toBe(false);
      expect(isAllowed(`2002:${high.toString(16)}:${low.toString(16)}::1`)).toBe(false);
      expect(isAllowed(`2001:0:${high.toString(16)}:${low.toString(16)}::1`)).toBe(false);
    }));
    for (const address of ['::ffff:8.8.8.8', '::ffff:127.0.0.1', '64:ff9b::8.8.8.8', '::8.8.8.8', '0:0:0:0:0:ffff:a9fe:a9fe']) expect(isAllowed(address)).toBe(false);
  });

  it('are, of IPv6, global unicast ones and no others', () => {
    fc.assert(fc.property(fc.array(hextet, { minLength: 8, maxLength: 8 }), (parts) => {
      const [first = 0, second = 0] = parts;
      const isGlobal = first >= 0x2000 && first <= 0x3fff && !(first === 0x2001 && (second < 0x200 || second === 0xdb8)) && first !== 0x2002 && !(first === 0x3fff && second < 0x1000);
      expect(isAllowed(parts.map((part) => part.toString(16)).join(':'))).toBe(isGlobal);
    }), { numRuns: 2000, examples: [[[0x2606, 0x4700, 0, 0, 0, 0, 0, 0x1111]], [[0xfe80, 0, 0, 0, 0, 0, 0, 1]], [[0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]], [[0x3fff, 0, 0, 0, 0, 0, 0, 1]]] });
    expect([isAllowed('2606:4700::1111'), isAllowed('::1'), isAllowed('fd00::1'), isAllowed('fe80::1%eth0'), isAllowed('::')]).toEqual([true, false, false, false, false]);
  });

  it('are none where the text is no address in its plain form', () => {
    for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433', '1.2.3', '1.2.3.4.5', '[2606:4700::1]', '8.8.8.8 ', '2606:4700::1%1']) expect(isAllowed(text)).toBe(false);
  });

  it('hold private ranges where the operator opened them, and nothing beside these', () => {
    const opened = new AddressGuard(['10.2.0.0/16', 'fd12::/16', '127.0.0.1/32']);
    expect(['10.2.3.4', 'fd12::7', '127.0.0.1'].map((address) => opened.judge(address))).toEqual(Array.from({ length: 3 }, () => ({ isAllowed: true, isPrivate: true })));
    expect(['10.3.0.1', 'fd13::7', '127.0.0.2', '::ffff:10.2.3.4'].map((address) => opened.judge(address).isAllowed)).toEqual([false, false, false, false]);
    expect(opened.judge('8.8.8.8')).toEqual({ isAllowed: true, isPrivate: false });
  });

  it('never hold metadata services, link-local, multicast or unspecified ones, whatever the operator opened', () => {
    const everything = new AddressGuard(['0.0.0.0/0', '::/0']);
    const never = ['169.254.169.254', '168.63.129.16', '100.100.100.200', 'fd00:ec2::254', 'fe80::1', 'ff02::1', '224.0.0.1', '0.0.0.0', '255.255.255.255', '::', '::ffff:169.254.169.254'];
    expect(never.filter((address) => everything.judge(address).isAllowed)).toEqual([]);
    expect(everything.judge('192.168.1.1').isAllowed).toBe(true);
  });

  it('are opened by ranges that are ranges', () => {
    expect(['10.0.0.0/8', '::1/128', 'fd00::/8'].every(isRange)).toBe(true);
    expect(['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '::1/129', 'x/8', '10.0.0.0/-1', ''].some(isRange)).toBe(false);
    expect(() => new AddressGuard(['10.0.0.0/40'])).toThrow('is not a range');
  });
});
