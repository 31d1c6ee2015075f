import { request as httpRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { Transform, pipeline, type Readable } from 'node:stream';

import { BullpenError, errorCodeOf, fillTemplate, secretsOfTemplate, type EgressRule } from '@bullpen/core';

import type { AddressGuard } from './address-ranges.ts';
import type { EgressSession } from './egress-session.ts';
import { checkHeaders, endToEnd, headBytes, pairsOf, toOutgoing, type HeaderPairs } from './header-rules.ts';
import { pinAddresses, type PinnedAddresses, type ResolveName } from './name-resolver.ts';

/** What all attempts of a worker share on their way out. */
export interface EgressNetwork {
  readonly resolve: ResolveName;
  readonly guard: AddressGuard;
  /** From the request to the head of its answer, and the longest silence after it. */
  readonly silenceMs: number;
  /** Certificates that are trusted besides Node's. */
  readonly ca?: string;
}

export interface EgressRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: HeaderPairs;
  readonly body: Buffer | Readable | null;
  /** Of a client of the agent's own, which knows nothing of the run's trace. */
  readonly isForeign?: boolean;
}

export interface EgressResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderPairs;
  /** Counted as it is read. Destroying it ends the exchange. */
  readonly body: Readable;
}

/** They are about the connection, or say back what was added to it (fetch standard, forbidden methods). */
const NOT_FOR_AGENTS = new Set(['CONNECT', 'TRACE', 'TRACK']);
/** Informational answers (1xx) to one request. */
const MOST_INFORMATION = 32;

/**
 * Makes requests for one attempt. Guarantees: a request leaves only where a rule of the version allows it, to an address
 * that was checked and that the connection is pinned to; secrets are put into it here and nowhere else, and not into what
 * anybody on the way could read; every error has a code.
 */
export class EgressClient {
  readonly #session: EgressSession;
  readonly #network: EgressNetwork;
  readonly #secretOf: (name: string) => Promise<string>;

  constructor(options: { session: EgressSession; network: EgressNetwork; secretOf: (name: string) => Promise<string> }) {
    this.#session = options.session;
    this.#network = options.network;
    this.#secretOf = options.secretOf;
  }

  /** Resolves with the head of the answer. @throws EGRESS_DENIED, EGRESS_FAILED, EGRESS_REQUESTS_EXCEEDED, EGRESS_BYTES_EXCEEDED, CALL_REFUSED, and why a secret cannot be had. */
  async send(request: EgressRequest, signal: AbortSignal): Promise<EgressResponse> {
    const { url, method } = request;
    if (NOT_FOR_AGENTS.has(method.toUpperCase())) throw new BullpenError('CALL_REFUSED', `${method} is not a request that can be made here`);
    const rule = this.#session.authorize(url, method);
    const release = this.#session.begin();
    const endSpan = request.isForeign === true ? this.#session.beginSpan(method, url.host) : () => undefined;
    const both = AbortSignal.any([signal, this.#session.signal]);
    try {
      const pinned = await pinAddresses(url.hostname.replace(/\.$/, ''), this.#network);
      const headers = await this.#headersOf(request, rule, pinned);
      this.#session.countOut(headBytes(headers) + url.href.length);
      const answer = await this.#exchange(request, headers, pinned, both);
      endSpan({ status: answer.statusCode ?? 0 });
      return this.#responseOf(answer, release);
    } catch (error) {
      release();
      const egressError = egressErrorOf(error, url, both);
      endSpan({ errorCode: egressError.code });
      throw egressError;
    }
  }

  async #headersOf({ url, headers, isForeign }: EgressRequest, rule: EgressRule, { isPrivate }: PinnedAddresses): Promise<HeaderPairs> {
    const added: [string, string][] = [];
    for (const [name, template] of Object.entries(rule.headers ?? {})) {
      const names = secretsOfTemplate(template);
      if (names.length > 0 && url.protocol !== 'https:' && !isPrivate) {
        throw new BullpenError('EGRESS_DENIED', `the header ${name} holds a secret, which is not sent without TLS`, { host: url.hostname });
      }
      const values = new Map(await Promise.all(names.map(async (secret) => [secret, await this.#secretOf(secret)] as const)));
      added.push([name, fillTemplate(template, (secret) => values.get(secret) ?? '')]);
    }
    const own = new Set(added.map(([name]) => name));
    const given = endToEnd(headers).filter(([name]) => !own.has(name));
    const { traceparent } = this.#session;
    const isTold = isForeign !== true || traceparent === null || own.has('traceparent') || given.some(([name]) => name === 'traceparent');
    const composed = [...given, ...added, ...(isTold ? [] : [['traceparent', traceparent] as [string, string]])];
    checkHeaders(composed);
    return composed;
  }

  #exchange({ url, method, body }: EgressRequest, headers: HeaderPairs, pinned: PinnedAddresses, signal: AbortSignal): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options: RequestOptions = {
      ...connectionOf(url, pinned), method, path: url.pathname + url.search, headers: toOutgoing([['host', url.host], ...framed(headers, body)]),
      agent: false, signal, timeout: this.#network.silenceMs, insecureHTTPParser: false,
    };
    const outgoing = url.protocol === 'https:' ? httpsRequest({ ...options, ...(this.#network.ca === undefined ? {} : { ca: this.#network.ca }) }) : httpRequest(options);
    let answer: IncomingMessage | null = null;
    failUnanswered(outgoing, url, reject);
    this.#boundInformation(outgoing, url, reject);
    outgoing.on('response', (response) => {
      answer = response;
      resolve(response);
    });
    outgoing.on('timeout', () => {
      if ((answer?.readableLength ?? 0) > 0) return; // it is the agent that takes its time
      outgoing.destroy(new BullpenError('EGRESS_FAILED', `${url.host} said nothing for ${this.#network.silenceMs} ms`));
    });
    this.#sendBody(outgoing, body);
    return promise;
  }

  /** Answers before the answer (1xx) are thrown away by Node: without a bound somebody could send them for ever, and nobody would count them. */
  #boundInformation(outgoing: ClientRequest, url: URL, reject: (error: unknown) => void): void {
    let count = 0;
    outgoing.on('information', ({ rawHeaders }) => {
      count += 1;
      try {
        this.#session.countIn(headBytes(pairsOf(rawHeaders)));
        if (count > MOST_INFORMATION) throw new BullpenError('EGRESS_FAILED', `${url.host} announced its answer ${count} times and gave none`);
      } catch (error) {
        reject(error); // before an answer that came with it
        outgoing.destroy();
      }
    });
  }

  #sendBody(outgoing: ClientRequest, body: Buffer | Readable | null): void {
    if (body === null) {
      outgoing.end();
      return;
    }
    if (Buffer.isBuffer(body)) {
      this.#session.countOut(body.length);
      outgoing.end(body);
      return;
    }
    pipeline(body, counting((bytes) => this.#session.countOut(bytes)), outgoing, () => undefined); // an error is the request's
  }

  #responseOf(answer: IncomingMessage, release: () => void): EgressResponse {
    const headers = endToEnd(pairsOf(answer.rawHeaders));
    answer.on('close', release);
    try {
      this.#session.countIn(headBytes(headers));
    } catch (error) {
      answer.destroy();
      throw error;
    }
    const body = counting((bytes) => this.#session.countIn(bytes));
    pipeline(answer, body, () => undefined); // an error is the body's, for whoever reads it
    return { status: answer.statusCode ?? 0, statusText: answer.statusMessage ?? '', headers, body };
  }
}

/**
 * A body must say where it ends. Node sends that of a GET without any framing, and the bytes of it would be another
 * request to whoever reads them: one that no rule has seen.
 */
function framed(headers: HeaderPairs, body: Buffer | Readable | null): HeaderPairs {
  const length = headers.filter(([name]) => name === 'content-length').slice(0, 1);
  const others = headers.filter(([name]) => name !== 'content-length');
  if (body === null) return others;
  if (Buffer.isBuffer(body)) return [...others, ['content-length', String(body.length)]];
  return [...others, ...(length.length === 1 ? length : [['transfer-encoding', 'chunked'] as const])];
}

/** A request that ends without an answer fails, however it ends: where a server switches protocols (101), which nobody here asks for, Node emits no error. */
export function failUnanswered(outgoing: ClientRequest, url: URL, reject: (error: Error) => void): void {
  outgoing.on('error', reject)
    .on('upgrade', (_answer, socket) => {
      socket.destroy();
      reject(new BullpenError('EGRESS_FAILED', `${url.host} switched to another protocol`));
    })
    .on('close', () => reject(new BullpenError('EGRESS_FAILED', `${url.host} ended the connection without an answer`)));
}

/** The way to an address that was checked, whatever the name says by the time of the connection. */
export function connectionOf(url: URL, { addresses }: PinnedAddresses): { host: string; port: number; lookup: LookupFunction } {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const first = found[0] ?? { address: '', family: 4 };
  return {
    host: url.hostname.replace(/^\[|\]$|\.$/g, ''),
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
    lookup: (_name, options, done) => {
      if (options.all === true) done(null, found);
      else done(null, first.address, first.family);
    },
  };
}

/** Passes on what `count` lets through. */
export function counting(count: (bytes: number) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        count(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** In our words, without the address: where an agent may connect, it may hear that it could not. */
export function egressErrorOf(error: unknown, url: URL, signal: AbortSignal): BullpenError {
  const reason: unknown = signal.aborted ? signal.reason : undefined;
  if (errorCodeOf(reason) !== undefined) return reason as BullpenError;
  if (errorCodeOf(error) !== undefined) return error as BullpenError;
  const why = (error as { code?: unknown } | null)?.code;
  return new BullpenError('EGRESS_FAILED', `${url.host} could not be reached, or broke off${typeof why === 'string' ? ` (${why})` : ''}`, { host: url.host }, { cause: error });
}

