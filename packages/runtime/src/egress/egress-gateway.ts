import type { EgressAccess } from '../container.ts';
import { AddressGuard } from './address-ranges.ts';
import { EgressClient, type EgressNetwork } from './egress-client.ts';
import { EgressFetch } from './egress-fetch.ts';
import { EgressProxy } from './egress-proxy.ts';
import { EgressSession, type EgressSessionOptions } from './egress-session.ts';
import { createNameResolver, type ResolveName } from './name-resolver.ts';

export interface EgressOptions {
  /** Private ranges that agents may reach where their allowlist names them, such as `10.2.0.0/16`. Default: none. */
  readonly privateRanges?: readonly string[];
  /** Default: A and AAAA of the machine's name servers. */
  readonly resolve?: ResolveName;
  /** From a request to the head of its answer, and the longest silence after it; the run's own time ends it as well. Default 300,000. */
  readonly silenceMs?: number;
  /** PEM of certificates that are trusted besides Node's. */
  readonly ca?: string;
}

/** What one attempt has of the gateway. */
export interface AttemptEgress {
  readonly session: EgressSession;
  readonly fetch: EgressFetch;
  /** Null while the proxy's socket is closed. */
  readonly access: EgressAccess | null;
}

/** The one way out for all attempts of a worker: the network behind it, and the proxy's socket. */
export class EgressGateway {
  readonly #network: EgressNetwork;
  readonly #proxy: EgressProxy;

  /** @throws where a private range is none. */
  constructor(options: EgressOptions = {}) {
    this.#network = {
      resolve: options.resolve ?? createNameResolver(),
      guard: new AddressGuard(options.privateRanges),
      silenceMs: options.silenceMs ?? 300_000,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    };
    this.#proxy = new EgressProxy(this.#network);
  }

  /** Holds the proxy's socket; null while it is closed. */
  get socketDir(): string | null {
    return this.#proxy.dir;
  }

  open(): Promise<void> {
    return this.#proxy.open();
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }

  /** Opens an attempt's egress; closing its session ends it. */
  admit(options: EgressSessionOptions & { secretOf: (name: string) => Promise<string> }): AttemptEgress {
    const session = new EgressSession(options);
    const client = new EgressClient({ session, network: this.#network, secretOf: options.secretOf });
    this.#proxy.admit({ session, client });
    const { socketPath } = this.#proxy;
    return { session, fetch: new EgressFetch(client), access: socketPath === null ? null : { socketPath, token: session.token } };
  }
}
