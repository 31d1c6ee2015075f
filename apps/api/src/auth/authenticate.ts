import { BullpenError, orgIdSchema, parseOrThrow } from '@bullpen/core';
import type { Request, RequestHandler } from 'express';

import type { ApiKeys } from './api-keys.ts';
import type { Principal } from './principal.ts';

/** Name of the cookie that holds the admin's key: HttpOnly and SameSite=Strict, for /admin and /api/admin only. */
export const ADMIN_COOKIE = 'bullpen_admin';
/** Header by which an admin names the organization it acts for. */
export const ORG_HEADER = 'x-bullpen-org';

/** `Authorization: Bearer KEY` or `x-api-key: KEY`. */
export function secretOf(req: Request): string | undefined {
  return bearerOf(req) ?? req.header('x-api-key');
}

/** The same for the operator's paths, which a browser visits: also the cookie, or HTTP Basic with the key as password. */
export function secretOfOperator(req: Request): string | undefined {
  return secretOf(req) ?? basicPasswordOf(req) ?? cookieOf(req, ADMIN_COOKIE);
}

/** For the boards, which are other people's routers. */
export function authenticateAdmin(keys: ApiKeys): RequestHandler {
  return async (req, res, next) => {
    const principal = await principalOf(keys, secretOfOperator(req));
    if (principal.role !== 'admin') throw new BullpenError('FORBIDDEN', 'this needs a key of the platform admin');
    res.locals.principal = principal;
    next();
  };
}

export async function principalOf(keys: ApiKeys, secret: string | undefined): Promise<Principal> {
  if (secret === undefined || secret === '') {
    throw new BullpenError('UNAUTHENTICATED', 'no API key: send `Authorization: Bearer KEY` or `x-api-key: KEY`');
  }
  const principal = await keys.find(secret);
  if (principal === null) throw new BullpenError('UNAUTHENTICATED', 'the API key is not known');
  return principal;
}

/** The organization a request is about: the key's own, or the one that an admin names. */
export function tenant(req: Request, { orgId, role }: Principal): string {
  const named = req.header(ORG_HEADER);
  if (role === 'admin') {
    if (named === undefined) throw new BullpenError('INVALID_REQUEST', `an admin key names the organization in the header ${ORG_HEADER}`);
    return parseOrThrow(orgIdSchema, named, `header ${ORG_HEADER}`);
  }
  if (orgId === null || (named !== undefined && named !== orgId)) {
    throw new BullpenError('FORBIDDEN', 'the key belongs to another organization');
  }
  return orgId;
}

function bearerOf(req: Request): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(req.header('authorization') ?? '')?.[1];
}

function basicPasswordOf(req: Request): string | undefined {
  const encoded = /^Basic\s+(\S+)$/i.exec(req.header('authorization') ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  return decoded.slice(decoded.indexOf(':') + 1);
}

function cookieOf(req: Request, name: string): string | undefined {
  for (const pair of (req.header('cookie') ?? '').split(';')) {
    const [key, ...rest] = pair.trim().split('=');
    if (key === name) return decodeURIComponent(rest.join('='));
  }
  return undefined;
}
