import { randomBytes } from 'node:crypto';

import { BullpenError, EGRESS_BOUNDS, LimitGuard, destinationOf, findRule, type AttemptLimits, type EgressManifest, type EgressRule, type RunEvent, type RunUsage } from '@bullpen/core';

/**
 * The egress of one attempt: what it may do, what it did, and what it has open. Guarantees: a request is counted before
 * it leaves and a byte before it is passed on; the first one beyond a limit ends the attempt and all that it has open;
 * nothing is open after `close`.
 */
export type EgressUsage = Required<Pick<RunUsage, 'egressRequests' | 'egressBytesIn' | 'egressBytesOut'>>;

export interface EgressSessionOptions {
  readonly manifest: EgressManifest;
  /** Those of egress; where the run has none, the defaults of `EGRESS_BOUNDS`. */
  readonly limits: Pick<AttemptLimits, 'egressBytes' | 'egressRequests'>;
  /** Puts a line into the run's log. */
  readonly say: (event: RunEvent) => void;
  /** W3C trace context of the attempt; left out or null, it belongs to no trace. */
  readonly traceparent?: string | null | undefined;
}

/** Requests and tunnels of one attempt at once. */
const MAX_OPEN = 32;
/** By the proxy. */
const MOST_REFUSALS = 5000;

export class EgressSession {
  /** For the proxy's socket. */
  readonly token = randomBytes(24).toString('base64url');
  readonly #manifest: EgressManifest;
  readonly #guard: LimitGuard;
  readonly #say: (event: RunEvent) => void;
  /** For requests of the agent's own clients; `ctx.fetch` has told whom it asks already. */
  readonly traceparent: string | null;
  readonly #closing = new AbortController();
  #onLimit: (error: BullpenError) => void = () => undefined;
  #breach: BullpenError | null = null;
  #open = 0;
  #requests = 0;
  #refusals = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor({ manifest, limits, say, traceparent }: EgressSessionOptions) {
    this.#manifest = manifest;
    this.#say = say;
    this.traceparent = traceparent ?? null;
    const { egressRequests = EGRESS_BOUNDS.defaultRequests, egressBytes = EGRESS_BOUNDS.defaultBytes } = limits;
    this.#guard = new LimitGuard({
      limits: { egressRequests, egressBytes, timeoutMs: Infinity, memoryMb: Infinity },
      say,
      onBreach: ({ code, message }) => this.#end(new BullpenError(code, message)),
    });
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
    if (this.#breach !== null) listener(this.#breach);
  }

  /** The rule that allows it. @param method - null for a tunnel. @throws EGRESS_DENIED */
  authorize(url: URL, method: string | null): EgressRule {
    const destination = destinationOf(url, method);
    const rule = findRule(this.#manifest, destination);
    if (rule !== null) return rule;
    const { host, port } = destination;
    throw new BullpenError('EGRESS_DENIED', `the allowlist of this version does not allow ${method ?? 'a tunnel'} to ${host}:${port}`, { host, port });
  }

  /** Counts a request or a tunnel; the caller gives it back when it is over. @throws EGRESS_REQUESTS_EXCEEDED, CALL_REFUSED */
  begin(): () => void {
    this.#closing.signal.throwIfAborted();
    if (this.#open >= MAX_OPEN) throw new BullpenError('CALL_REFUSED', `${MAX_OPEN} requests of this run are open already`);
    this.#requests += 1;
    this.#guard.used('egressRequests', this.#requests);
    this.#closing.signal.throwIfAborted();
    this.#open += 1;
    let isOpen = true;
    return () => {
      if (isOpen) this.#open -= 1;
      isOpen = false;
    };
  }

  /**
   * A request or tunnel of the agent's own client as a span of the run's trace; nothing where it belongs to none. One for each
   * that was counted, so that a limit of requests is one of spans.
   * @returns what is to be called once it is known how it went
   */
  beginSpan(method: string, address: string): (result: { status: number } | { errorCode: string }) => void {
    if (this.traceparent === null) return () => undefined;
    const startMs = Date.now();
    const id = `p${this.#requests}`;
    return (result) => this.#say({
      type: 'span', id, parentId: null, name: method, startMs, endMs: Math.max(startMs, Date.now()), status: 'status' in result ? 'ok' : 'error',
      attributes: { 'http.request.method': method, 'server.address': address, ...('status' in result ? { 'http.response.status_code': result.status } : { 'error.type': result.errorCode }) },
    });
  }

  /** @throws EGRESS_BYTES_EXCEEDED */
  countIn(bytes: number): void {
    this.#bytesIn += bytes;
    this.#checkBytes();
  }

  /** @throws EGRESS_BYTES_EXCEEDED */
  countOut(bytes: number): void {
    this.#bytesOut += bytes;
    this.#checkBytes();
  }

  /** Of a request that was not made; each takes time of the supervisor, and whoever asks again and again means no good. */
  countRefusal(): void {
    this.#refusals += 1;
    if (this.#refusals > MOST_REFUSALS) this.#end(new BullpenError('EGRESS_REQUESTS_EXCEEDED', `more than ${MOST_REFUSALS} requests of this run were refused`));
  }

  close(): void {
    this.#closing.abort(new BullpenError('EGRESS_FAILED', 'the attempt is over'));
  }

  #checkBytes(): void {
    this.#guard.used('egressBytes', this.#bytesIn + this.#bytesOut);
    this.#closing.signal.throwIfAborted();
  }

  #end(breach: BullpenError): void {
    this.#breach = breach;
    this.#onLimit(breach);
    this.#closing.abort(breach);
  }
}
