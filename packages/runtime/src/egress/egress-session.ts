import { randomBytes } from 'node:crypto';

import { BullpenError, EGRESS_BOUNDS, type EgressManifest, type EgressRule, type RunUsage } from '@bullpen/core';

import { destinationOf, findRule } from './egress-policy.ts';

/**
 * The egress of one attempt: what it may do, what it did, and what it has open. Guarantees: a request is counted before
 * it leaves and a byte before it is passed on; the first one beyond a limit ends the attempt and all that it has open;
 * nothing is open after `close`.
 */
export type EgressUsage = Required<Pick<RunUsage, 'egressRequests' | 'egressBytesIn' | 'egressBytesOut'>>;

/** Requests and tunnels of one attempt at once. */
const MAX_OPEN = 32;
const WARN_AT = 0.8;

export class EgressSession {
  /** For the proxy's socket. */
  readonly token = randomBytes(24).toString('base64url');
  readonly #manifest: EgressManifest;
  readonly #warn: (message: string) => void;
  readonly #closing = new AbortController();
  readonly #warned = new Set<string>();
  #onLimit: (error: BullpenError) => void = () => undefined;
  #limit: BullpenError | null = null;
  #open = 0;
  #requests = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  /** @param options.warn - told in the run's log when four fifths of a limit are used */
  constructor(options: { manifest: EgressManifest; warn: (message: string) => void }) {
    this.#manifest = options.manifest;
    this.#warn = options.warn;
  }

  get usage(): EgressUsage {
    return { egressRequests: this.#requests, egressBytesIn: this.#bytesIn, egressBytesOut: this.#bytesOut };
  }

  /** Aborted, with the error to tell, when the attempt is over or passed a limit. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  onLimit(listener: (error: BullpenError) => void): void {
    this.#onLimit = listener;
    if (this.#limit !== null) listener(this.#limit);
  }

  /** The rule that allows it. @param method - null for a tunnel. @throws EGRESS_DENIED */
  authorize(url: URL, method: string | null): EgressRule {
    const destination = destinationOf(url, method);
    const rule = findRule(this.#manifest, destination);
    if (rule !== null) return rule;
    const { host, port } = destination;
    throw new BullpenError('EGRESS_DENIED', `the allowlist of this version does not allow ${method ?? 'a tunnel'} to ${host}:${port}`, { host, port });
  }

  /** Counts a request or a tunnel; the caller gives it back when it is over. @throws EGRESS_LIMIT, CALL_REFUSED */
  begin(): () => void {
    this.#closing.signal.throwIfAborted();
    if (this.#open >= MAX_OPEN) throw new BullpenError('CALL_REFUSED', `${MAX_OPEN} requests of this run are open already`);
    const most = this.#manifest.maxRequests ?? EGRESS_BOUNDS.maxRequests.default;
    if (this.#requests >= most) throw this.#exceed(`the run may make ${most} requests`);
    this.#requests += 1;
    this.#warnAt('requests', this.#requests, most);
    this.#open += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#open -= 1;
      isOpen = false;
    };
  }

  /** @throws EGRESS_LIMIT */
  countIn(bytes: number): void {
    this.#bytesIn += bytes;
    this.#checkBytes();
  }

  /** @throws EGRESS_LIMIT */
  countOut(bytes: number): void {
    this.#bytesOut += bytes;
    this.#checkBytes();
  }

  close(): void {
    this.#closing.abort(new BullpenError('EGRESS_FAILED', 'the attempt is over'));
  }

  #checkBytes(): void {
    const most = this.#manifest.maxBytes ?? EGRESS_BOUNDS.maxBytes.default;
    const total = this.#bytesIn + this.#bytesOut;
    if (total > most) throw this.#exceed(`the run may move ${most} bytes`);
    this.#warnAt('bytes', total, most);
  }

  #warnAt(what: string, used: number, most: number): void {
    if (used < WARN_AT * most || this.#warned.has(what)) return;
    this.#warned.add(what);
    this.#warn(`egress: ${used} of ${most} ${what} are used`);
  }

  #exceed(message: string): BullpenError {
    if (this.#limit === null) {
      this.#limit = new BullpenError('EGRESS_LIMIT', message, { ...this.usage });
      this.#onLimit(this.#limit);
      this.#closing.abort(this.#limit);
    }
    return this.#limit;
  }
}
