import type { RequestHandler } from 'express';

const ALLOWED_HEADERS = 'authorization, content-type, idempotency-key, last-event-id, x-api-key, x-bullpen-org, x-request-id';
const EXPOSED_HEADERS = 'location, ratelimit, ratelimit-policy, retry-after, idempotent-replayed, x-request-id';

/**
 * Lets pages of the listed origins call `/v1`; no page of another origin may, and without a list none. Never with
 * cookies: the API knows keys only. Source: https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function cors(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    const origin = req.header('origin');
    if (origins.length > 0) res.vary('Origin');
    if (origin === undefined || !origins.includes(origin)) {
      next();
      return;
    }
    res.setHeader('Access-Control-Allow-Origin', origin);
    res.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
    if (req.method !== 'OPTIONS' || req.header('access-control-request-method') === undefined) {
      next();
      return;
    }
    res.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, PATCH, DELETE');
    res.setHeader('Access-Control-Allow-Headers', ALLOWED_HEADERS);
    res.setHeader('Access-Control-Max-Age', '600');
    res.status(204).end();
  };
}
