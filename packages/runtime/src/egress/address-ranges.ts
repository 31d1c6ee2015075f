import { BlockList, isIP } from 'node:net';

/**
 * Which addresses an agent may be connected to. Guarantees: only global unicast ones, by an allowlist for IPv6 (2000::/3
 * less what is carved out of it) and the special-purpose registry for IPv4; nothing that embeds an IPv4 address in an
 * IPv6 one (mapped, NAT64, 6to4, Teredo) whatever that address is. An operator may open private ranges by name, but never
 * metadata services, link-local, multicast or unspecified addresses.
 * Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
 */

type Family = 'ipv4' | 'ipv6';
type Named = readonly [cidr: string, name: string];

const NEVER: readonly Named[] = [
  ['0.0.0.0/8', 'unspecified'], ['169.254.0.0/16', 'link-local'], ['224.0.0.0/4', 'multicast'], ['240.0.0.0/4', 'reserved'],
  ['168.63.129.16/32', 'a metadata service'], ['100.100.100.200/32', 'a metadata service'], ['192.0.0.192/32', 'a metadata service'],
  ['::/128', 'unspecified'], ['fe80::/10', 'link-local'], ['ff00::/8', 'multicast'], ['fd00:ec2::254/128', 'a metadata service'],
  ['fd20:ce::254/128', 'a metadata service'],
  ['::ffff:0:0/96', 'an embedded IPv4 address'], ['64:ff9b::/96', 'an embedded IPv4 address'], ['64:ff9b:1::/48', 'an embedded IPv4 address'],
  ['2002::/16', 'an embedded IPv4 address'], ['2001::/32', 'an embedded IPv4 address'],
];

const PRIVATE: readonly Named[] = [
  ['10.0.0.0/8', 'private'], ['100.64.0.0/10', 'carrier-grade NAT'], ['127.0.0.0/8', 'loopback'], ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'], ['192.0.2.0/24', 'documentation'], ['192.88.99.0/24', 'reserved'], ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'], ['198.51.100.0/24', 'documentation'], ['203.0.113.0/24', 'documentation'],
  ['::1/128', 'loopback'], ['2001::/23', 'reserved'], ['2001:db8::/32', 'documentation'], ['3fff::/20', 'documentation'],
];

/** Addresses by range. */
class Ranges {
  readonly #named: readonly (readonly [list: BlockList, family: Family, name: string])[];

  constructor(ranges: readonly Named[]) {
    this.#named = ranges.map(([cidr, name]) => {
      const [network = '', bits] = cidr.split('/');
      const family = familyOf(network);
      const list = new BlockList();
      list.addSubnet(network, Number(bits), family);
      return [list, family, name] as const;
    });
  }

  /** The name of the range that holds the address. Families are kept apart: a mapped address is no IPv4 address. */
  find(address: string): string | null {
    const family = familyOf(address);
    return this.#named.find(([list, of]) => of === family && list.check(address, family))?.[2] ?? null;
  }
}

const never = new Ranges(NEVER);
const specialPurpose = new Ranges(PRIVATE);
const globalUnicast = new Ranges([['2000::/3', 'global unicast']]);

function familyOf(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** Where `address` may be connected to, and whether only because the operator opened its range. */
export type AddressVerdict = { readonly isAllowed: true; readonly isPrivate: boolean } | { readonly isAllowed: false; readonly why: string };

export class AddressGuard {
  readonly #opened: Ranges;

  /** @param openedRanges - CIDRs that the operator opens, such as `10.2.0.0/16`. @throws where one is none. */
  constructor(openedRanges: readonly string[] = []) {
    for (const range of openedRanges) if (!isRange(range)) throw new Error(`${range} is not a range of addresses such as 10.2.0.0/16`);
    this.#opened = new Ranges(openedRanges.map((range) => [range, 'opened by the operator'] as const));
  }

  judge(address: string): AddressVerdict {
    if (isIP(address) === 0 || address.includes('%')) return { isAllowed: false, why: 'not an address' };
    const forbidden = never.find(address);
    if (forbidden !== null) return { isAllowed: false, why: forbidden };
    if (this.#opened.find(address) !== null) return { isAllowed: true, isPrivate: true };
    const special = specialPurpose.find(address) ?? (address.includes(':') && globalUnicast.find(address) === null ? 'not global' : null);
    return special === null ? { isAllowed: true, isPrivate: false } : { isAllowed: false, why: special };
  }
}

export function isRange(text: string): boolean {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const family = isIP(match?.[1] ?? '');
  return family !== 0 && !text.includes('%') && Number(match?.[2]) <= (family === 4 ? 32 : 128);
}
