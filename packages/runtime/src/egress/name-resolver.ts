import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

import { BullpenError } from '@bullpen/core';

import type { AddressGuard } from './address-ranges.ts';

/** Finds every address of a name. */
export type ResolveName = (host: string) => Promise<readonly string[]>;

const TIMEOUT_MS = 2000;
const TRIES = 2;

/**
 * Asks the machine's name servers for A and AAAA. Not getaddrinfo: that would take one of four threads of this process
 * for as long as a hostile name server likes.
 */
export function createNameResolver(): ResolveName {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  return async (host) => {
    if (host === 'localhost' || host.endsWith('.localhost')) return ['127.0.0.1'];
    const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    return found.flatMap((answer) => answer.status === 'fulfilled' ? answer.value : []);
  };
}

/** The addresses that a connection may go to: no name is looked up again after it was checked. */
export interface PinnedAddresses {
  readonly addresses: readonly string[];
  /** One of them is in a range that the operator opened. */
  readonly isPrivate: boolean;
}

/**
 * Resolves and checks a host. One refused address refuses the name: whoever answers for it also answers next time.
 * @throws EGRESS_DENIED, EGRESS_FAILED where the name has no address.
 */
export async function pinAddresses(host: string, options: { resolve: ResolveName; guard: AddressGuard }): Promise<PinnedAddresses> {
  const literal = host.startsWith('[') ? host.slice(1, -1) : host;
  const addresses = isIP(literal) === 0 ? await options.resolve(host) : [literal];
  if (addresses.length === 0) throw new BullpenError('EGRESS_FAILED', `${host} has no address`, { host });
  let isPrivate = false;
  for (const address of addresses) {
    const verdict = options.guard.judge(address);
    if (!verdict.isAllowed) throw new BullpenError('EGRESS_DENIED', `${host} has an address that agents may not reach (${verdict.why})`, { host });
    isPrivate ||= verdict.isPrivate;
  }
  return { addresses, isPrivate };
}
