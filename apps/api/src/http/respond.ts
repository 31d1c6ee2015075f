import { BullpenError, errorCodeOf, newId, toProblem, type Logger } from '@bullpen/core';
import type { HttpExchange } from '@bullpen/metrics';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';

import type { Principal } from '../auth/principal.ts';

declare global {
  // The name by which Express lets an app say what its `res.locals` hold.
  namespace Express {
    interface Locals {
      requestId: string;
      principal?: Principal;
    }
  }
}

/** Gives every request an id: the caller's `x-request-id` where it is a plain token, else a new one. */
export function requestIds(): RequestHandler {
  return (req, res, next) => {
    const given = req.header('x-request-id');
    res.locals.requestId = given !== undefined && /^[\w.-]{1,100}$/.test(given) ? given : newId('request');
    res.setHeader('x-request-id', res.locals.requestId);
    next();
  };
}

/** When a request is done: a line, and `count` by the pattern of its route, since a path has as many values as there are runs. */
export function requestEnds(log: Logger, count: (exchange: HttpExchange) => void): RequestHandler {
  return (req, res, next) => {
    const startedMs = performance.now();
    res.on('close', () => {
      const durationMs = performance.now() - startedMs;
      logRequest(log, req, res, durationMs);
      count({ method: req.method, route: patternOf(req), status: res.statusCode, durationMs });
    });
    next();
  };
}

/** Probes are left out unless they fail. */
function logRequest(log: Logger, req: Request, res: Response, durationMs: number): void {
  const isFault = res.statusCode >= 500;
  // Nothing is put together for a line that is not written.
  if (!isFault && log.isLevelEnabled?.('debug') === false) return;
  if (res.statusCode < 400 && (req.path === '/healthz' || req.path === '/readyz')) return;
  const facts = {
    requestId: res.locals.requestId, method: req.method, path: withoutToken(req.path), status: res.statusCode,
    ms: Math.round(durationMs * 100) / 100, keyId: res.locals.principal?.keyId,
  };
  if (isFault) log.error(facts, 'http.request');
  else log.debug(facts, 'http.request');
}

/** An error handler sees `req.route` as well; what no route matched is `none`. */
function patternOf(req: Request): string {
  return typeof req.route?.path === 'string' ? `${req.baseUrl}${req.route.path}` : 'none';
}

/** The last part of a trigger's URL is a secret. */
function withoutToken(path: string): string {
  return path.replace(/^(\/v1\/hooks\/[^/]+)\/.+/i, '$1/...');
}

/** Whatever no route answered. */
export const notFound: RequestHandler = (req) => {
  throw new BullpenError('NOT_FOUND', `there is nothing at ${req.method} ${req.path}`);
};

/** Every error leaves as a problem document (RFC 9457). */
export function problemHandler(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, req, res, next) => {
    const error = asBullpenError(thrown);
    const problem = toProblem(error, res.locals.requestId);
    if (problem.status >= 500) log.error({ err: thrown, requestId: res.locals.requestId, code: problem.code }, 'http.failed');
    if (res.headersSent) {
      next(error);
      return;
    }
    const retryAfterS = (error as { facts?: { retryAfterS?: unknown } }).facts?.retryAfterS;
    if (problem.status === 429 || problem.status === 503) res.setHeader('Retry-After', typeof retryAfterS === 'number' ? retryAfterS : 1);
    // A browser that visits a board asks its user: any name, the admin key as password.
    if (problem.status === 401) res.setHeader('WWW-Authenticate', `${req.originalUrl.startsWith('/admin/') ? 'Basic' : 'Bearer'} realm="bullpen"`);
    res.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}

/** What body-parser throws, in our words. What a body does to zlib has a code and no type. */
function asBullpenError(thrown: unknown): unknown {
  if (errorCodeOf(thrown) !== undefined) return thrown;
  const { code, type = code, status } = (thrown ?? {}) as { type?: unknown; code?: unknown; status?: unknown };
  if (type === 'entity.too.large') return new BullpenError('INPUT_TOO_LARGE', 'the body is larger than this path takes');
  if (type === 'entity.parse.failed') return new BullpenError('INVALID_JSON', 'the body is not valid JSON');
  if (typeof type === 'string' && typeof status === 'number' && status >= 400 && status < 500) {
    return new BullpenError('INVALID_REQUEST', `the body cannot be read (${type})`);
  }
  if (thrown instanceof URIError) return new BullpenError('INVALID_REQUEST', 'the path is not valid percent-encoding');
  return thrown;
}
