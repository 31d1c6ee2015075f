import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

import { BullpenError } from '@bullpen/core';

import type { FetchParams } from '../host/call-schemas.ts';
import { egressErrorOf, type EgressClient, type EgressRequest, type EgressResponse } from './egress-client.ts';
import { withoutBodyHeaders, withoutOriginHeaders, type HeaderPairs } from './header-rules.ts';

/**
 * `ctx.fetch` of one attempt: exchanges that the agent numbers, opens, reads piece by piece and cancels. Guarantees: a
 * redirect is a new request, with all of its checks; an exchange holds as much of a body as one piece, and what its
 * streams buffer, however large the body is.
 */
export interface FetchHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderPairs;
  readonly url: string;
  readonly redirected: boolean;
  readonly hasBody: boolean;
}

interface Exchange {
  readonly url: URL;
  readonly cancel: AbortController;
  body: AsyncIterator<Buffer> | null;
  /** Of a piece that was larger than an answer may be. */
  rest: Buffer | null;
}

const MOST_REDIRECTS = 20;
const PIECE_BYTES = 192 * 1024;
/** Of a `Response` (fetch standard). */
const MOST_STATUS = 599;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const WITHOUT_BODY = new Set([204, 205, 304]);
const DECODERS = { gzip: createGunzip, 'x-gzip': createGunzip, deflate: createInflate, br: createBrotliDecompress };

export class EgressFetch {
  readonly #client: EgressClient;
  readonly #exchanges = new Map<number, Exchange>();

  constructor(client: EgressClient) {
    this.#client = client;
  }

  /** @param over - aborted when the attempt ends */
  async open(params: FetchParams, over: AbortSignal): Promise<FetchHead> {
    const { exchange: id, redirect } = params;
    if (this.#exchanges.has(id)) throw new BullpenError('CALL_REFUSED', `exchange ${id} is open already`);
    const exchange: Exchange = { url: new URL(params.url), cancel: new AbortController(), body: null, rest: null };
    this.#exchanges.set(id, exchange);
    try {
      return await this.#follow(firstRequest(params), redirect, { exchange, id, over });
    } catch (error) {
      this.#exchanges.delete(id);
      throw error;
    }
  }

  async read(id: number): Promise<{ bytes: string; isDone: boolean }> {
    const exchange = this.#exchanges.get(id);
    if (exchange?.body === undefined || exchange.body === null) throw new BullpenError('CALL_REFUSED', `exchange ${id} is not open`);
    try {
      const piece = await nextPiece(exchange, exchange.body);
      if (piece !== null) return { bytes: piece.toString('base64'), isDone: false };
      this.#exchanges.delete(id);
      return { bytes: '', isDone: true };
    } catch (error) {
      this.#exchanges.delete(id);
      throw egressErrorOf(error, exchange.url, exchange.cancel.signal);
    }
  }

  cancel(id: number): null {
    this.#exchanges.get(id)?.cancel.abort(new BullpenError('EGRESS_FAILED', 'the request was cancelled'));
    this.#exchanges.delete(id);
    return null;
  }

  async #follow(first: EgressRequest, redirect: FetchParams['redirect'], to: { exchange: Exchange; id: number; over: AbortSignal }): Promise<FetchHead> {
    let request = first;
    const signal = AbortSignal.any([to.exchange.cancel.signal, to.over]);
    for (let hops = 0; ; hops += 1) {
      const response = await this.#client.send(request, signal);
      const location = REDIRECTS.has(response.status) && redirect !== 'manual' ? locationOf(response, request.url) : null;
      if (location === null) return this.#headOf(request, response, { ...to, isRedirected: hops > 0 });
      response.body.destroy();
      if (redirect === 'error') throw new BullpenError('EGRESS_FAILED', `${request.url.host} answered with a redirect, which was not to be followed`);
      if (hops >= MOST_REDIRECTS) throw new BullpenError('EGRESS_FAILED', `more than ${MOST_REDIRECTS} redirects`);
      request = redirected(request, response.status, location);
    }
  }

  #headOf(request: EgressRequest, response: EgressResponse, to: { exchange: Exchange; id: number; isRedirected: boolean }): FetchHead {
    if (response.status > MOST_STATUS) {
      response.body.destroy();
      throw new BullpenError('EGRESS_FAILED', `${request.url.host} answered with the status ${response.status}, of which a Response cannot be made`);
    }
    const hasBody = request.method !== 'HEAD' && !WITHOUT_BODY.has(response.status);
    if (hasBody) {
      const body = decoded(response);
      to.exchange.cancel.signal.addEventListener('abort', () => body.destroy());
      to.exchange.body = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    } else {
      response.body.resume();
      this.#exchanges.delete(to.id);
    }
    const { status, statusText, headers } = response;
    return { status, statusText, headers, url: request.url.href, redirected: to.isRedirected, hasBody };
  }
}

function firstRequest({ url, method, headers, body }: FetchParams): EgressRequest {
  const hasEncoding = headers.some(([name]) => name.toLowerCase() === 'accept-encoding');
  return {
    url: new URL(url), method, body: body === undefined ? null : Buffer.from(body, 'base64'),
    headers: hasEncoding ? headers : [...headers, ['accept-encoding', 'gzip, deflate, br']],
  };
}

/** Null where the answer names no place. @throws EGRESS_FAILED where it is none that can be followed. */
function locationOf({ headers, body }: EgressResponse, base: URL): URL | null {
  const location = headers.find(([name]) => name === 'location')?.[1];
  if (location === undefined) return null;
  const url = URL.parse(location, base.href);
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '') return url;
  body.destroy();
  throw new BullpenError('EGRESS_FAILED', `${base.host} redirects to something that is not an address of HTTP`);
}

/** The request that follows, by the fetch standard's HTTP-redirect fetch. */
function redirected(request: EgressRequest, status: number, url: URL): EgressRequest {
  const becomesGet = (status === 303 && request.method !== 'HEAD') || ((status === 301 || status === 302) && request.method === 'POST');
  const headers = url.origin === request.url.origin ? request.headers : withoutOriginHeaders(request.headers);
  return becomesGet ? { url, method: 'GET', headers: withoutBodyHeaders(headers), body: null } : { ...request, url, headers };
}

function decoded({ headers, body }: EgressResponse): Readable {
  const encoding = headers.find(([name]) => name === 'content-encoding')?.[1]?.trim().toLowerCase() ?? '';
  if (!Object.hasOwn(DECODERS, encoding)) return body;
  return pipeline(body, DECODERS[encoding as keyof typeof DECODERS]({ chunkSize: 64 * 1024 }), () => undefined); // an error is the reader's
}

async function nextPiece(exchange: Exchange, body: AsyncIterator<Buffer>): Promise<Buffer | null> {
  let piece = exchange.rest;
  exchange.rest = null;
  while (piece === null || piece.length === 0) {
    const next = await body.next();
    if (next.done === true) return null;
    piece = next.value;
  }
  if (piece.length > PIECE_BYTES) {
    exchange.rest = piece.subarray(PIECE_BYTES);
    piece = piece.subarray(0, PIECE_BYTES);
  }
  return piece;
}
