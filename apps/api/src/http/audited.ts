import { errorCodeOf, newId, type AuditEntry, type Clock } from '@bullpen/core';
import type { AuditWriter } from '@bullpen/db';

import type { AuditSpec, Call, Reply, Route, Streamed } from './route.ts';

/** Carries a call out and, where it wrote, keeps who wrote what before the caller hears of it. */
export async function audited(route: Route, call: Call, deps: { audit: AuditWriter; clock: Clock }): Promise<Reply | Streamed> {
  const spec = route.audit;
  if (typeof spec !== 'object' || call.principal === null) return route.handle(call);
  const before = spec.before === undefined ? null : await readBefore(spec, call);
  const reply = await route.handle(call);
  if ('streamed' in reply) return reply;
  // The same request again, answered by the handler's own book of keys: it was audited the first time.
  if (reply.headers?.['Idempotent-Replayed'] !== undefined) return reply;
  const orgId = spec.orgId?.(call, reply.body) ?? (call.orgId as string | null);
  const entry: AuditEntry = {
    id: newId('audit'),
    orgId,
    at: new Date(deps.clock.nowMs()).toISOString(),
    action: route.operationId,
    target: spec.target(call, reply.body),
    keyId: call.principal.keyId,
    role: call.principal.role,
    requestId: call.res.locals.requestId,
    before,
    after: spec.after === undefined ? (reply.body ?? null) : spec.after(reply.body, call),
  };
  if (spec.isLater === true) deps.audit.recordLater(entry);
  else await deps.audit.record(entry);
  return reply;
}

/** What is not there is null: the handler itself says so to the caller. */
async function readBefore(spec: AuditSpec<unknown, unknown, unknown>, call: Call): Promise<unknown> {
  try {
    return await spec.before?.({ orgId: call.orgId ?? '', params: call.params, body: call.body });
  } catch (error) {
    if (errorCodeOf(error) === 'NOT_FOUND' || errorCodeOf(error) === 'AGENT_NOT_FOUND') return null;
    throw error;
  }
}
