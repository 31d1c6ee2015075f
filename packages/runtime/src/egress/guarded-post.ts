import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';

import { AddressGuard } from './address-ranges.ts';
import { connectionOf, egressErrorOf, failUnanswered } from './egress-client.ts';
import type { EgressOptions } from './egress-gateway.ts';
import { checkHeaders } from './header-rules.ts';
import { createNameResolver, pinAddresses } from './name-resolver.ts';

/** A request to an address that a tenant chose. */
export interface GuardedRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface GuardedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** How its body begins; empty where it did not begin in time. */
  readonly excerpt: string;
}

export type GuardedPost = (request: GuardedRequest) => Promise<GuardedAnswer>;

export interface GuardedPostOptions extends Pick<EgressOptions, 'privateRanges' | 'resolve' | 'ca'> {
  /** For all of it: name, connection, answer. */
  readonly timeoutMs: number;
  /** Of the answer's body that is read at most; the rest is not waited for. */
  readonly excerptBytes: number;
}

/**
 * Posts as agents' requests go out (egress-client.ts): the name is resolved here, every address of it is checked, and the connection goes to
 * what was checked. Redirects are answers like others, and are not followed.
 * @throws where an opened range is none
 */
export function createGuardedPost({ privateRanges, resolve = createNameResolver(), ca, timeoutMs, excerptBytes }: GuardedPostOptions): GuardedPost {
  const guard = new AddressGuard(privateRanges);
  return async ({ url, headers, body }) => {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      checkHeaders(Object.entries(headers));
      const pinned = await orAborted(pinAddresses(url.hostname.replace(/\.$/, ''), { resolve, guard }), signal);
      const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const { promise, resolve: answered, reject } = Promise.withResolvers<IncomingMessage>();
      const outgoing = request({
        ...connectionOf(url, pinned), method: 'POST', path: url.pathname + url.search, agent: false, signal, ...(ca === undefined ? {} : { ca }),
        headers: { ...headers, host: url.host, 'content-length': String(Buffer.byteLength(body)) },
      });
      failUnanswered(outgoing, url, reject);
      outgoing.on('response', answered).end(body);
      const answer = await promise;
      return { status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string | undefined>, excerpt: await excerptOf(answer, excerptBytes) };
    } catch (error) {
      throw egressErrorOf(error, url, signal);
    }
  };
}

/** What came counts, also where the rest of it did not. */
async function excerptOf(answer: IncomingMessage, most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= most) break;
    }
  } catch {
    // The status is there, and that is what counts.
  } finally {
    answer.destroy();
  }
  return Buffer.concat(chunks).subarray(0, most).toString();
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
