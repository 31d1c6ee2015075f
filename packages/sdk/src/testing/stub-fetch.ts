import {
  BullpenError, EGRESS_BOUNDS, LimitGuard, destinationOf, fillTemplate, findRule, messageOf, secretsOfTemplate, type AttemptLimits, type EgressRule, type RunEvent,
} from '@bullpen/core';

import type { AttemptEnd } from './attempt-end.ts';

/** What stands in for the network: called with what would leave, redirects not followed. */
export type FetchStub = (request: Request) => Response | Promise<Response>;

interface StubFetchOptions {
  readonly allow: readonly EgressRule[] | null;
  /** Those of egress; where the run has none, the defaults of `EGRESS_BOUNDS`. */
  readonly limits: Pick<AttemptLimits, 'egressBytes' | 'egressRequests'>;
  /** Puts a line into the run's log. */
  readonly say: (event: RunEvent) => void;
  readonly stub: FetchStub | undefined;
  readonly readSecret: (name: string) => string;
  readonly end: AttemptEnd;
}

export interface StubFetch {
  readonly fetch: typeof globalThis.fetch;
  readonly usage: { egressRequests: number; egressBytesIn: number; egressBytesOut: number };
}

/** `ctx.fetch` over a stub: the allowlist, the added headers and the limits are those of the egress proxy. */
export function createStubFetch({ allow, limits, say, stub, readSecret, end }: StubFetchOptions): StubFetch {
  const usage = { egressRequests: 0, egressBytesIn: 0, egressBytesOut: 0 };
  const { egressRequests = EGRESS_BOUNDS.defaultRequests, egressBytes = EGRESS_BOUNDS.defaultBytes } = limits;

  const guard = new LimitGuard({
    limits: { egressRequests, egressBytes, timeoutMs: Infinity, memoryMb: Infinity },
    say,
    onBreach: ({ state, code, message }) => end.fail(state, code, message),
  });
  const check = (limit: 'egressRequests' | 'egressBytes', used: number): void => {
    if (!guard.used(limit, used) && guard.breach !== null) throw new BullpenError(guard.breach.code, guard.breach.message);
  };
  const count = (direction: 'egressBytesIn' | 'egressBytesOut', bytes: number): void => {
    usage[direction] += bytes;
    check('egressBytes', usage.egressBytesIn + usage.egressBytesOut);
  };

  const fetch = async (input: Parameters<typeof globalThis.fetch>[0], init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const rule = ruleFor(request, allow);
    usage.egressRequests += 1;
    check('egressRequests', usage.egressRequests);
    const outgoing = withHeaders(request, rule, readSecret);
    count('egressBytesOut', (await outgoing.clone().arrayBuffer()).byteLength);
    const { response, bytes } = await unlessAborted(request.signal, answerOf(stub, outgoing));
    count('egressBytesIn', bytes);
    return response;
  };
  return { fetch, usage };
}

function ruleFor(request: Request, allow: readonly EgressRule[] | null): EgressRule {
  if (allow === null) throw new BullpenError('EGRESS_DENIED', 'the manifest of this version allows no egress');
  const destination = destinationOf(new URL(request.url), request.method);
  const rule = findRule({ allow: [...allow] }, destination);
  if (rule !== null) return rule;
  const { host, port } = destination;
  throw new BullpenError('EGRESS_DENIED', `the allowlist of this version does not allow ${request.method} to ${host}:${port}`, { host, port });
}

/** The rule's headers, filled with secrets that the agent itself does not see. */
function withHeaders(request: Request, { headers = {} }: EgressRule, readSecret: (name: string) => string): Request {
  const outgoing = new Request(request);
  for (const [name, template] of Object.entries(headers)) {
    const values = new Map(secretsOfTemplate(template).map((secret) => [secret, readSecret(secret)]));
    outgoing.headers.set(name, fillTemplate(template, (secret) => values.get(secret) ?? ''));
  }
  return outgoing;
}

/** Whoever gives up is told so at once, whatever the stub does: as a request over the network would. */
async function unlessAborted<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  let giveUp = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => { giveUp = () => reject(signal.reason as Error); });
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function answerOf(stub: FetchStub | undefined, request: Request): Promise<{ response: Response; bytes: number }> {
  if (stub === undefined) throw new BullpenError('EGRESS_FAILED', `nothing answers ${request.method} ${request.url}: give createTestRuntime a \`fetch\``);
  try {
    const response = (await stub(request)) as Response | undefined;
    if (typeof response?.clone !== 'function') throw new TypeError('the `fetch` given to createTestRuntime answered with no Response');
    return { response, bytes: (await response.clone().arrayBuffer()).byteLength };
  } catch (error) {
    throw new BullpenError('EGRESS_FAILED', `${new URL(request.url).host} could not be reached: ${messageOf(error)}`, {}, { cause: error });
  }
}
