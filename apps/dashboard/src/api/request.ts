/** A request that did not end as it should; `message` is a sentence for the reader. */
export class RequestFailure extends Error {
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** Bullpen's error code, where the answer was a problem document. */
  readonly code: string | null;

  constructor(message: string, status = 0, code: string | null = null) {
    super(message);
    this.name = 'RequestFailure';
    this.status = status;
    this.code = code;
  }
}

/** The answer says that the reader must sign in (again). */
export function needsSignIn(error: unknown): boolean {
  return error instanceof RequestFailure && (error.status === 401 || error.status === 403);
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal;
  /** After which the server counts as not answering. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 8000;

/**
 * One JSON request to the server that served the page. Gives undefined for an empty answer.
 * @throws RequestFailure for everything but a 2xx with JSON or nothing in it.
 */
export async function requestJson(path: string, options: RequestOptions = {}): Promise<unknown> {
  const response = await send(path, options);
  const text = await response.text().catch(() => { throw new RequestFailure('The server broke off its answer.', response.status); });
  const body = parseJson(text);
  if (!response.ok) throw failureOf(response.status, body);
  if (body === undefined && text !== '') throw new RequestFailure('The server answered with something that is not JSON.', response.status);
  return body;
}

async function send(path: string, options: RequestOptions): Promise<Response> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const init: RequestInit = {
    method: options.method ?? 'GET',
    headers: { accept: 'application/json', ...(options.body === undefined ? {} : { 'content-type': 'application/json' }) },
    signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
    credentials: 'same-origin',
    cache: 'no-store',
  };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  try {
    return await fetch(path, init);
  } catch (thrown) {
    if (options.signal?.aborted) throw thrown;
    throw new RequestFailure(timeout.aborted ? 'The server does not answer.' : 'The server cannot be reached.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Reads a problem document (RFC 9457) where there is one. */
export function failureOf(status: number, body: unknown): RequestFailure {
  const problem = (typeof body === 'object' && body !== null ? body : {}) as { detail?: unknown; title?: unknown; code?: unknown };
  const said = [problem.detail, problem.title].find((text) => typeof text === 'string' && text !== '') as string | undefined;
  return new RequestFailure(said ?? `The server answered with status ${status}.`, status, typeof problem.code === 'string' ? problem.code : null);
}
