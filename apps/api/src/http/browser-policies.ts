import type { RequestHandler } from 'express';
import helmet from 'helmet';

import { cors } from './cors.ts';

const IS_API = /^\/v1(?:\/|$)/i;
const IS_BOARD = /^\/admin\/queues(?:\/|$)/i;

/** What a browser may do with an answer, by where it comes from. */
export function browserPolicies(corsOrigins: readonly string[]): RequestHandler {
  const [ofAnswers, ofBoard, ofPages, shared] = [answerPolicy(), boardPolicy(), pagePolicy(), cors(corsOrigins)];
  return (req, res, next) => {
    if (IS_API.test(req.path)) ofAnswers(req, res, () => void shared(req, res, next));
    else if (IS_BOARD.test(req.path)) ofBoard(req, res, next);
    else ofPages(req, res, next);
  };
}

/** Answers of the API are no pages: nothing may be loaded or framed by them, and what only pages need is left out. */
const ANSWER_POLICY = Object.entries({
  'Content-Security-Policy': "default-src 'none';frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
});

/** By hand: every request of the API comes by here. */
function answerPolicy(): RequestHandler {
  return (_req, res, next) => {
    for (const [name, value] of ANSWER_POLICY) res.setHeader(name, value);
    next();
  };
}

function pagePolicy() {
  return helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], styleSrc: ["'self'"], upgradeInsecureRequests: null } }, strictTransportSecurity: false });
}

/** bull-board's own page needs inline styles and an inline script for its settings. */
function boardPolicy() {
  return helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'self'"], scriptSrc: ["'self'", "'unsafe-inline'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'], upgradeInsecureRequests: null } }, strictTransportSecurity: false });
}
