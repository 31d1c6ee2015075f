// `ctx.fetch`: the global `fetch`, except that the supervisor makes the request, where the version's allowlist lets it.
// The body of a response comes in pieces, each asked for when the agent reads on: a slow reader holds nothing up.
// `Request` and `Response` are Node's own, taken on first use only: they take 5 MB that most agents never need.
import { SafePromise, bytesFrom, bytesToText, defineProperty, freeze } from './primordials.mjs';

/** @typedef {import('./host-calls.mjs').HostCalls} HostCalls */
/** @typedef {{ status: number, statusText: string, headers: [string, string][], url: string, redirected: boolean, hasBody: boolean }} Head */

/** @typedef {{ traceparent: string | null, span: (name: string, attributes: object, act: (span: any) => unknown) => Promise<any> }} Trace */

/**
 * Where the run belongs to a trace, each request is a span of it and says so to whom it goes.
 * @param {HostCalls} calls @param {Trace} trace
 */
export function createFetch(calls, trace) {
  let exchanges = 0;
  const open = async (/** @type {Request} */ request) => {
    const exchange = exchanges += 1;
    const stop = () => { calls.call('fetch.cancel', { exchange }).catch(() => undefined); };
    const asked = await paramsOf(request, exchange);
    const head = await orAborted(calls.call('fetch.open', asked), request.signal, stop);
    return responseOf(calls, exchange, head, request.signal);
  };
  return freeze(async (/** @type {any} */ input, /** @type {any} */ init) => {
    const request = new Request(input, init);
    if (trace.traceparent === null) return open(request);
    if (!request.headers.has('traceparent')) request.headers.set('traceparent', trace.traceparent);
    const attributes = { 'http.request.method': request.method, 'server.address': new URL(request.url).host };
    return trace.span(request.method, attributes, async (span) => {
      const response = await open(request);
      span.setAttribute('http.response.status_code', response.status);
      return response;
    });
  });
}

/** @param {Request} request @param {number} exchange */
async function paramsOf(request, exchange) {
  request.signal.throwIfAborted();
  const body = request.body === null ? undefined : bytesToText(bytesFrom(await request.arrayBuffer()), 'base64');
  return { exchange, method: request.method, url: request.url, headers: [...request.headers], redirect: request.redirect, body };
}

/**
 * @template T
 * @param {Promise<T>} promise @param {AbortSignal} signal @param {() => void} stop @returns {Promise<T>}
 */
function orAborted(promise, signal, stop) {
  return new SafePromise((resolve, reject) => {
    const onAbort = () => {
      stop();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** @param {HostCalls} calls @param {number} exchange @param {Head} head @param {AbortSignal} signal */
function responseOf(calls, exchange, head, signal) {
  const body = head.hasBody ? bodyOf(calls, exchange, signal) : null;
  const response = new Response(body, { status: head.status, statusText: head.statusText, headers: head.headers });
  defineProperty(response, 'url', { value: head.url });
  defineProperty(response, 'redirected', { value: head.redirected });
  return response;
}

/** @param {HostCalls} calls @param {number} exchange @param {AbortSignal} signal */
function bodyOf(calls, exchange, signal) {
  const stop = () => { calls.call('fetch.cancel', { exchange }).catch(() => undefined); };
  return new ReadableStream({
    async pull(controller) {
      const { bytes, isDone } = await orAborted(calls.call('fetch.read', { exchange }), signal, stop);
      if (bytes !== '') controller.enqueue(new Uint8Array(bytesFrom(bytes, 'base64')));
      if (isDone) controller.close();
    },
    cancel: stop,
  }, { highWaterMark: 0 });
}
