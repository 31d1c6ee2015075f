import { BullpenError, errorCodeOf, messageOf, type ErrorFacts, type Problem } from '@bullpen/core';

import { pause } from './pause.ts';

/** The part of `fetch` that the client uses; hand in your own to add a proxy, a trace or a test's answers. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  baseUrl: string;
  apiKey?: string;
  org?: string;
  fetch: Fetch;
  timeoutMs: number;
  retries: number;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** A list is written as the same name several times. */
  query?: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
  /** Doing it twice is doing it once: it may be repeated when nobody knows whether it arrived. */
  idempotent: boolean;
  /** Added to the time-out, for calls that are answered late on purpose. */
  extraTimeoutMs?: number;
}

export interface Http {
  /** One call: the answer with its body read, or a BullpenError with the code of the problem document. */
  send<T>(request: HttpRequest): Promise<{ status: number; body: T }>;
  /** A call whose body is left to the caller to read; tried once. Only waiting for its head is timed. */
  open(request: HttpRequest): Promise<Response>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export function createHttp(options: HttpOptions): Http {
  return {
    send: <T>(request: HttpRequest) => withRetries(options, request, async (response) => ({
      status: response.status,
      body: (response.status === 204 ? undefined : await response.json()) as T,
    })),
    open: (request) => attempt(options, request, (response) => Promise.resolve(response)),
  };
}

type Read<T> = (response: Response) => Promise<T>;

/** Repeats what may be, up to `retries` times, as `Retry-After` says or doubling. */
async function withRetries<T>(options: HttpOptions, request: HttpRequest, read: Read<T>): Promise<T> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await attempt(options, request, read);
    } catch (error) {
      if (!mayRepeat(request, error) || failures >= options.retries) throw error;
      await pause(askedPauseMs(error) ?? FIRST_PAUSE_MS * 2 ** failures * (0.5 + Math.random() / 2), request.signal);
    }
  }
}

/** Whoever is told to stay away for longer decides himself whether he waits. */
function mayRepeat(request: HttpRequest, error: unknown): boolean {
  if (request.signal?.aborted || (askedPauseMs(error) ?? 0) > LONGEST_PAUSE_MS) return false;
  // Beyond its rate a request was not looked at, so that any may be sent again.
  return statusOf(error) === 429 || (request.idempotent && (mayComeBack(error) || errorCodeOf(error) === 'IDEMPOTENCY_IN_FLIGHT'));
}

/** Nobody answered, or nobody could at this moment: the API, or what stands before it (502, 504). */
export function mayComeBack(error: unknown): boolean {
  return error instanceof BullpenError && (error.code === 'API_UNREACHABLE' || [429, 502, 503, 504].includes(statusOf(error) ?? 0));
}

/** What `Retry-After` said. */
export function askedPauseMs(error: unknown): number | undefined {
  const asked = error instanceof BullpenError ? error.facts['retryAfterMs'] : undefined;
  return typeof asked === 'number' ? asked : undefined;
}

function statusOf(error: unknown): number | undefined {
  const status = error instanceof BullpenError ? error.facts['httpStatus'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

async function attempt<T>(options: HttpOptions, request: HttpRequest, read: Read<T>): Promise<T> {
  const timeout = new AbortController();
  const timeoutMs = options.timeoutMs + (request.extraTimeoutMs ?? 0);
  const signal = request.signal ? AbortSignal.any([request.signal, timeout.signal]) : timeout.signal;
  const init = initOf(options, request, signal);
  const timer = setTimeout(() => timeout.abort(new Error(`nothing came within ${timeoutMs} ms`)), timeoutMs);
  try {
    const response = await options.fetch(urlOf(options, request), init);
    if (!response.ok) throw await refusal(request, response);
    return await read(response);
  } catch (error) {
    throw failureOf(options, request, error);
  } finally {
    clearTimeout(timer);
  }
}

/** The caller's abort and the API's refusals pass as they are; everything else means that no (whole) answer came. */
function failureOf(options: HttpOptions, request: HttpRequest, error: unknown): unknown {
  if (request.signal?.aborted) return request.signal.reason;
  if (errorCodeOf(error) !== undefined) return error;
  return new BullpenError('API_UNREACHABLE', `no answer from ${options.baseUrl}: ${reasonOf(error)}`, { baseUrl: options.baseUrl }, { cause: error });
}

/** Node says `fetch failed` and hides why in `cause`, whose `code` (ECONNREFUSED) tells more than its message. */
function reasonOf(error: unknown): string {
  const cause: unknown = (error as { cause?: unknown } | null)?.cause ?? error;
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : messageOf(cause);
}

function urlOf(options: HttpOptions, request: HttpRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const search = query.size === 0 ? '' : `?${query}`;
  return `${options.baseUrl.replace(/\/+$/, '')}${request.path}${search}`;
}

function initOf(options: HttpOptions, request: HttpRequest, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json', ...request.headers };
  if (options.apiKey !== undefined) headers['authorization'] = `Bearer ${options.apiKey}`;
  if (options.org !== undefined) headers['x-bullpen-org'] = options.org;
  if (request.body === undefined) return { method: request.method, headers, signal };
  headers['content-type'] = 'application/json';
  return { method: request.method, headers, signal, body: writeJson(request.body) };
}

function writeJson(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch (error) {
    throw new BullpenError('INVALID_REQUEST', `the request cannot be written as JSON: ${messageOf(error)}`, {}, { cause: error });
  }
}

/** The error of an answer that is not a success; it keeps the problem's code, or INTERNAL where that is not one of ours. */
async function refusal(request: HttpRequest, response: Response): Promise<BullpenError> {
  const problem = await readProblem(response);
  const facts: ErrorFacts = {
    httpStatus: response.status,
    ...(problem.requestId === undefined ? {} : { requestId: problem.requestId }),
    ...(problem.issues === undefined ? {} : { issues: problem.issues }),
    ...retryAfterOf(response),
  };
  const detail = problem.detail ?? `${request.method} ${request.path} was answered with ${response.status} ${response.statusText}`.trim();
  return new BullpenError(errorCodeOf(problem) ?? 'INTERNAL', detail, facts);
}

async function readProblem(response: Response): Promise<Partial<Problem>> {
  const isJson = /json/i.test(response.headers.get('content-type') ?? '');
  if (!isJson) return {};
  return (await response.json().catch(() => ({}))) as Partial<Problem>;
}

function retryAfterOf(response: Response): { retryAfterMs?: number } {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
}
