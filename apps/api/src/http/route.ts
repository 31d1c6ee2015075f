import type { ErrorCode, Permission } from '@bullpen/core';
import type { Request, Response } from 'express';
import type { z } from 'zod';

import type { Principal } from '../auth/principal.ts';

/**
 * The one table of routes is made of these: Express serves them (serve.ts) and /openapi.json describes them (openapi.ts),
 * so neither knows a path that the other does not.
 *
 * - `public`: nobody is asked for a key.
 * - `key`: any key; no organization is needed.
 * - `organization`: a key of the organization, or an admin's that names one in the header `x-bullpen-org`.
 * - `platform`: an admin's key.
 * - `operator`: the same for paths that a browser visits: also by cookie or HTTP Basic.
 */
export type Scope = 'public' | 'key' | 'organization' | 'platform' | 'operator';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** What a handler is called with: everything parsed, everything allowed. */
export interface Call<S extends Scope = Scope, P = unknown, Q = unknown, B = unknown> {
  /** Whose request it is about; `null` where the scope has no organization. */
  readonly orgId: S extends 'organization' ? string : null;
  readonly principal: S extends 'public' ? null : Principal;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The body as it arrived, where the route takes one so; empty elsewhere. */
  readonly rawBody: Uint8Array<ArrayBuffer>;
  readonly req: Request;
  readonly res: Response;
}

/** An answer, before it is written. */
export interface Reply<Body = unknown> {
  readonly status: number;
  readonly body?: Body;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The handler has written its answer itself, as it does with a stream. */
export interface Streamed {
  readonly streamed: true;
}
export const STREAMED: Streamed = Object.freeze({ streamed: true });

/** What the audit log keeps of a write. */
export interface AuditSpec<P, B, A> {
  /** A kind and a name or id: `schedule/nightly`. `answer` is the body of the answer. */
  target(call: { readonly params: P; readonly body: B }, answer: A): string;
  /** The organization that is written to, where the scope has none. */
  orgId?(call: { readonly params: P; readonly body: B }, answer: A): string;
  /** Reads what is there before; nothing where left out. */
  before?(call: { readonly orgId: string; readonly params: P; readonly body: B }): Promise<unknown>;
  /** True: nobody waits for the entry, since what was written is its own record. */
  readonly isLater?: boolean;
  /** What is there afterwards: the answer where left out. Must hold no secret. */
  after?(answer: A, call: { readonly params: P; readonly body: B }): unknown;
}

/** What an operation answers when it succeeds: a sentence for each status. */
export interface AnswerSpec<A extends z.ZodType = z.ZodType> {
  readonly statuses: Readonly<Record<number, string>>;
  /** Of the JSON body; none where there is no body, or it is not JSON. */
  readonly schema?: A;
  /** Where it is not JSON. */
  readonly mediaType?: string;
}

export interface RouteSpec<S extends Scope, P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType, A extends z.ZodType> {
  readonly method: Method;
  /** As OpenAPI writes it: `/v1/runs/{id}`. */
  readonly path: `/${string}`;
  /** Unique, stable: also the name of the action in the audit log. */
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly scope: S;
  readonly permission: S extends 'public' ? null : Permission;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** Instead of `body`: what it is, in words. It is handed over as it arrived, since a signature is over its bytes. */
  readonly rawBody?: string;
  /** Request headers it reads, beside those of every request; for the document. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answer: AnswerSpec<A>;
  /** What it may answer beyond what every route of its scope may. */
  readonly errors?: readonly ErrorCode[];
  /**
   * How a call that is not a GET is audited; `nothing is written` says so of the few that only compute,
   * `by the handler` of those that nobody's key made.
   * It is required of them: a test looks.
   */
  readonly audit?: AuditSpec<z.output<P>, z.output<B>, z.output<A>> | 'nothing is written' | 'by the handler';
  /**
   * `kept`: the answer to an `Idempotency-Key` is kept and given again. `own`: the handler sees to the header itself.
   * Every POST that makes something has one of them.
   */
  readonly idempotency?: 'kept' | 'own';
  /** Body bytes it takes at most; DEFAULT_BODY_BYTES where left out. */
  readonly bodyBytes?: number;
  handle(call: Call<S, z.output<P>, z.output<Q>, z.output<B>>): Promise<Reply<z.output<A>> | Streamed> | Reply<z.output<A>>;
}

/** A route as the table holds it: what its types were has done its work. */
export type Route = Omit<RouteSpec<Scope, z.ZodObject, z.ZodObject, z.ZodType, z.ZodType>, 'handle' | 'permission' | 'audit'> & {
  readonly permission: Permission | null;
  readonly audit?: AuditSpec<unknown, unknown, unknown> | 'nothing is written' | 'by the handler';
  handle(call: Call): Promise<Reply | Streamed> | Reply;
};

/** Declares a route; the handler's argument and answer are typed by the schemas. */
export function route<
  S extends Scope, P extends z.ZodObject = z.ZodObject<Record<never, never>>, Q extends z.ZodObject = z.ZodObject<Record<never, never>>,
  B extends z.ZodType = z.ZodUndefined, A extends z.ZodType = z.ZodUndefined,
>(spec: RouteSpec<S, P, Q, B, A>): Route {
  return spec as unknown as Route;
}

export function ok<T>(body: T): Reply<T> {
  return { status: 200, body };
}

export function accepted<T>(body: T): Reply<T> {
  return { status: 202, body };
}

/** @param location - path of what was made */
export function created<T>(location: string, body: T): Reply<T> {
  return { status: 201, body, headers: { Location: location } };
}

export function noContent(): Reply<undefined> {
  return { status: 204 };
}
