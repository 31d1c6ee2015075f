import { createHash } from 'node:crypto';

import { BullpenError, idempotencyKeySchema, messageOf, newId, parseOrThrow, type Logger } from '@bullpen/core';
import { beginIdempotentRequest, dropIdempotentRequest, keepIdempotentAnswer, type Database } from '@bullpen/db';
import type { Request } from 'express';

import { canonicalJson } from './canonical-json.ts';
import type { Call, Reply, Route, Streamed } from './route.ts';
import { hashOfKey, seal, unseal } from './sealed-answer.ts';

/** How long a key is kept. */
const KEEP_MS = 24 * 3_600_000;
/** A request that takes longer has died with its process. */
const LOCK_MS = 120_000;

/** The header's key, or null. @throws BullpenError INVALID_REQUEST */
export function idempotencyKeyOf(req: Request): string | null {
  const key = req.header('idempotency-key');
  return key === undefined ? null : parseOrThrow(idempotencyKeySchema, key, 'header Idempotency-Key');
}

/**
 * Makes a POST repeatable: the first request with a key is carried out and its answer kept; the same request again gets
 * that answer, another one is refused. What fails frees its key, since it changed nothing.
 * Source of the header: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export class Idempotency {
  readonly #deps: { db: Database; log: Logger };

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  /** @throws BullpenError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_FLIGHT, and what `act` throws. */
  async once(route: Route, call: Call, act: () => Promise<Reply | Streamed>): Promise<Reply | Streamed> {
    const key = idempotencyKeyOf(call.req);
    if (key === null || call.principal === null) return act();
    const orgId = call.orgId as string | null;
    const ref = { owner: orgId ?? call.principal.keyId, keyHash: hashOfKey(key) };
    const attemptId = newId('request');
    const requestHash = hashOf(route, call);
    const standing = await beginIdempotentRequest(this.#deps.db, { ...ref, orgId, requestHash, attemptId, lockMs: LOCK_MS, keepMs: KEEP_MS });
    switch (standing.kind) {
      case 'begun': return this.#carryOut(ref, attemptId, key, act);
      case 'in_flight': throw new BullpenError('IDEMPOTENCY_IN_FLIGHT', 'a request with this idempotency key is being answered: ask again in a moment');
      case 'other_request': throw new BullpenError('IDEMPOTENCY_KEY_REUSED', 'the idempotency key was used before with a different request');
      case 'answered': return replayed(standing.status, standing.answer, key);
    }
  }

  async #carryOut(ref: { owner: string; keyHash: string }, attemptId: string, key: string, act: () => Promise<Reply | Streamed>) {
    const { db, log } = this.#deps;
    let reply: Reply | Streamed;
    try {
      reply = await act();
    } catch (error) {
      await dropIdempotentRequest(db, ref, attemptId).catch((fault: unknown) => log.warn({ reason: messageOf(fault) }, 'idempotency.not_freed'));
      throw error;
    }
    if (!('streamed' in reply)) {
      const answer = seal({ headers: reply.headers ?? {}, body: reply.body ?? null }, key);
      await keepIdempotentAnswer(db, ref, attemptId, reply.status, answer);
    }
    return reply;
  }
}

function replayed(status: number, answer: Uint8Array, key: string): Reply {
  const { headers, body } = unseal(answer, key);
  return { status, ...(body === null ? {} : { body }), headers: { ...headers, 'Idempotent-Replayed': 'true' } };
}

/** What was asked, as the schemas read it: whitespace and the order of keys do not make another request. */
function hashOf({ operationId }: Route, { params, query, body }: Call): string {
  return createHash('sha256').update(canonicalJson({ operationId, params, query, body })).digest('hex');
}
