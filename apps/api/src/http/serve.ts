import { BullpenError, may, parseOrThrow, PERMISSIONS, SIZE_CAPS, type Clock, type Permission } from '@bullpen/core';
import type { AuditWriter } from '@bullpen/db';
import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import type { z } from 'zod';

import type { ApiKeys } from '../auth/api-keys.ts';
import { principalOf, secretOf, secretOfOperator, tenant } from '../auth/authenticate.ts';
import type { Principal } from '../auth/principal.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { audited } from './audited.ts';
import type { Idempotency } from './idempotency.ts';
import { rateHeaders, rateRefusal, type RateLimiter } from './rate-limiter.ts';
import { bodyReader } from './read-json.ts';
import type { Call, Reply, Route } from './route.ts';

/** An input, metadata, and room for the rest. */
export const DEFAULT_BODY_BYTES = SIZE_CAPS.inputBytes + SIZE_CAPS.metadataBytes + 64 * 1024;

export interface ServeDeps {
  keys: ApiKeys;
  limiter: RateLimiter;
  idempotency: Idempotency;
  audit: AuditWriter;
  clock: Clock;
  organizations: OrganizationDirectory;
}

/** The table as an Express router. A path that is there with another method is answered with 405 and `Allow`. */
export function serveRoutes(routes: readonly Route[], deps: ServeDeps): Router {
  const router = Router({ caseSensitive: true });
  for (const route of routes) router[route.method](expressPath(route.path), handlerOf(route, deps));
  for (const [path, methods] of methodsByPath(routes)) router.all(path, methodNotAllowed(methods));
  return router;
}

/** Who asks, may he, what does he ask, then the handler: refusals come before anything is read that costs. */
function handlerOf(route: Route, deps: ServeDeps): RequestHandler {
  const readBody = route.body === undefined ? null : bodyReader(route.bodyBytes ?? DEFAULT_BODY_BYTES);
  const readRaw = route.rawBody === undefined ? null : rawReader(route.bodyBytes ?? DEFAULT_BODY_BYTES);
  return async (req, res) => {
    const principal = await admit(route, deps, req, res);
    const orgId = route.scope === 'organization' ? await tenantOf(req, principal as Principal, deps) : null;
    const params = pathParams(route, req);
    const query = route.query === undefined ? noQuery(req) : parseOrThrow(route.query, req.query, 'query');
    const body = readBody === null ? undefined : parseOrThrow(route.body as z.ZodType, await readBody(req, res), 'request');
    const rawBody = readRaw === null ? NO_BYTES : await readRaw(req, res);
    // The route's own types say that this is what its handler takes.
    const call = { orgId, principal, params, query, body, rawBody, req, res } as Call;
    const act = () => audited(route, call, deps);
    const reply = route.idempotency === 'kept' ? await deps.idempotency.once(route, call, act) : await act();
    if (!('streamed' in reply)) send(res, reply);
  };
}

/** @throws BullpenError NOT_FOUND where an admin names an organization that is not there; every other key's own is. */
async function tenantOf(req: Request, principal: Principal, { organizations }: ServeDeps): Promise<string> {
  const orgId = tenant(req, principal);
  if (principal.role === 'admin') await organizations.get(orgId);
  return orgId;
}

async function admit(route: Route, { keys, limiter }: ServeDeps, req: Request, res: Response): Promise<Principal | null> {
  if (route.permission === null) return null;
  const secret = route.scope === 'operator' ? secretOfOperator(req) : secretOf(req);
  const principal = await principalOf(keys, secret);
  res.locals.principal = principal;
  await limitRate(limiter, principal, res);
  requirePermission(principal, route.permission);
  return principal;
}

/** @throws BullpenError RATE_LIMITED */
async function limitRate(limiter: RateLimiter, { keyId }: Principal, res: Response): Promise<void> {
  const standing = await limiter.count(keyId);
  const { policy, rate } = rateHeaders(limiter.quota, standing);
  res.setHeader('RateLimit-Policy', policy).setHeader('RateLimit', rate);
  if (!standing.allowed) throw rateRefusal(limiter.quota, standing);
}

/** @throws BullpenError FORBIDDEN, naming the lowest role that may. */
export function requirePermission({ role }: Principal, permission: Permission): void {
  if (may(role, permission)) return;
  const { from, meaning } = PERMISSIONS[permission];
  throw new BullpenError('FORBIDDEN', `a key of role ${role} may not ${meaning}: that needs ${from}`, { role, permission });
}

/**
 * Ids are made by us: what cannot be one is not there, and Postgres need not be asked (nor could it be, about a NUL
 * character). Names are chosen by callers: a bad one is told what a good one looks like.
 */
function pathParams(route: Route, req: Request): unknown {
  if (route.params === undefined) return {};
  const parsed = route.params.safeParse(req.params);
  if (parsed.success) return parsed.data;
  const names = parsed.error.issues.map(({ path: [param] }) => String(param));
  const isAboutId = names.every((name) => /(^i|I)d$/.test(name));
  if (isAboutId) throw new BullpenError('NOT_FOUND', `${names.map((name) => String(req.params[name]).slice(0, MOST_OF_AN_ID)).join(', ')} is no id of anything that is here`);
  return parseOrThrow(route.params, req.params, 'path');
}

/** Of what a caller sent as an id: as much as tells him which it was. */
const MOST_OF_AN_ID = 60;

function noQuery(req: Request): object {
  const [first] = Object.keys(req.query);
  if (first !== undefined) {
    const issues = [{ path: first, message: 'unknown parameter' }];
    throw new BullpenError('INVALID_REQUEST', `the query is not valid: ${first}: unknown parameter`, { issues });
  }
  return {};
}

const NO_BYTES = new Uint8Array(0);

/** Not inflated: what is signed is what arrives. */
function rawReader(limit: number): (req: Request, res: Response) => Promise<Uint8Array<ArrayBuffer>> {
  const read = express.raw({ limit, type: () => true, inflate: false });
  return (req, res) => new Promise((resolve, reject) => {
    read(req, res, (error?: unknown) => {
      if (error === undefined) resolve(Buffer.isBuffer(req.body) ? new Uint8Array(req.body) : NO_BYTES);
      else reject(error as Error);
    });
  });
}

function send(res: Response, { status, body, headers = {} }: Reply): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (body === undefined) {
    res.status(status).end();
    return;
  }
  const text = JSON.stringify(body);
  res.status(status).setHeader('Content-Type', 'application/json; charset=utf-8');
  const bytes = Buffer.byteLength(text);
  res.setHeader('Content-Length', bytes);
  // Plain ASCII, as most answers are, is written as it is in memory.
  res.end(text, bytes === text.length ? 'latin1' : 'utf8');
}

function methodsByPath(routes: readonly Route[]): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of routes) {
    const at = expressPath(path);
    methods.set(at, [...(methods.get(at) ?? []), method.toUpperCase()]);
  }
  return methods;
}

function methodNotAllowed(methods: readonly string[]): RequestHandler {
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (req, res) => {
    res.setHeader('Allow', allow);
    if (req.method !== 'OPTIONS') throw new BullpenError('METHOD_NOT_ALLOWED', `${req.path} takes ${allow}`);
    res.status(204).end();
  };
}

/** `/v1/runs/{id}` -> `/v1/runs/:id`. */
function expressPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}
