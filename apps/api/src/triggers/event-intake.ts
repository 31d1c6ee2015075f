import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import {
  BullpenError, errorCodeOf, messageOf, newId, planTriggeredRun, readInboundEvent, slackChallengeOf, verifyInbound,
  type AcceptedEvent, type Clock, type InboundEvent, type InboundRequest, type Logger,
} from '@bullpen/core';
import { adminFindTrigger, adminTouchTrigger, resolveRunVersion, type AuditWriter, type Database, type FoundTrigger, type SigningSecrets } from '@bullpen/db';
import type { SchemaChecker } from '@bullpen/json-schema';
import type { ApiPrometheus, EventOutcome } from '@bullpen/metrics';

import { checkInput } from '../agents/check-input.ts';
import { hashSecret } from '../auth/api-keys.ts';
import { rateRefusal, type RateLimiter } from '../http/rate-limiter.ts';
import { accepted, ok, type Reply } from '../http/route.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import type { RunService } from '../runs/run-service.ts';

export interface EventIntakeDeps {
  db: Database;
  organizations: OrganizationDirectory;
  signing: SigningSecrets;
  schemas: SchemaChecker;
  runs: RunService;
  limiter: RateLimiter;
  audit: AuditWriter;
  prometheus: ApiPrometheus;
  clock: Clock;
  log: Logger;
}

/** A request at the address of a trigger. */
export interface ArrivedEvent {
  triggerId: string;
  token: string;
  headers: IncomingHttpHeaders;
  body: Uint8Array<ArrayBuffer>;
  requestId: string;
  traceparent: string | null;
}

/**
 * Turns events into runs. Guarantees: nothing is written before the signature was checked; an event becomes one run however often it
 * arrives (the run's idempotency key is made of trigger and event); every request is counted by what became of it.
 */
export class EventIntake {
  readonly #deps: EventIntakeDeps;

  constructor(deps: EventIntakeDeps) {
    this.#deps = deps;
  }

  /** @throws BullpenError NOT_FOUND, TRIGGER_DISABLED, RATE_LIMITED, SIGNATURE_INVALID, EVENT_INVALID, and what planning a run throws */
  async receive(arrived: ArrivedEvent): Promise<Reply<AcceptedEvent | { challenge: string }>> {
    try {
      const trigger = await this.#triggerAt(arrived);
      const request = { headers: flat(arrived.headers), body: arrived.body };
      const event = await this.#checkedEvent(trigger, request);
      const challenge = slackChallengeOf(trigger.scheme, event);
      if (challenge !== null) {
        this.#count('challenge');
        return ok({ challenge });
      }
      const { run, created } = await this.#run(trigger, event, arrived.traceparent);
      this.#count(created ? 'accepted' : 'duplicate');
      if (created) this.#note(trigger, event, run.id, arrived.requestId);
      return accepted({ runId: run.id, duplicate: !created });
    } catch (error) {
      this.#count(OUTCOMES[errorCodeOf(error) ?? 'INTERNAL'] ?? 'failed');
      throw error;
    }
  }

  /** A wrong address and none are the same to whoever asks. */
  async #triggerAt({ triggerId, token }: ArrivedEvent): Promise<FoundTrigger> {
    const { db, limiter } = this.#deps;
    const trigger = await adminFindTrigger(db, triggerId);
    const given = hashSecret(token);
    if (trigger === null || ![trigger.tokenHash, trigger.previousTokenHash].some((known) => known !== null && isSame(known, given))) {
      throw new BullpenError('NOT_FOUND', 'there is no trigger at this address');
    }
    if (!trigger.enabled) throw new BullpenError('TRIGGER_DISABLED', 'this trigger takes no events at the moment');
    const standing = await limiter.count(trigger.id);
    if (!standing.allowed) throw rateRefusal(limiter.quota, standing);
    return trigger;
  }

  async #checkedEvent({ id, scheme, eventIdAt }: FoundTrigger, request: InboundRequest): Promise<InboundEvent> {
    const nowMs = this.#deps.clock.nowMs();
    const secrets = scheme === 'none' ? [] : ((await this.#deps.signing.read([id], nowMs)).get(id) ?? []);
    await verifyInbound(scheme, request, { secrets, nowMs });
    return readInboundEvent(scheme, request, eventIdAt);
  }

  async #run(trigger: FoundTrigger, event: InboundEvent, traceparent: string | null) {
    const { db, organizations, schemas, runs } = this.#deps;
    const [organization, version] = await Promise.all([organizations.get(trigger.orgId), resolveRunVersion(db, trigger.orgId, trigger.run)]);
    const plan = await planTriggeredRun(trigger, event, version, organization);
    await checkInput(schemas, version, plan.inputJson);
    return runs.insertPlanned({ ...plan, traceparent });
  }

  /** The run is its own record: nobody waits for the rest. */
  #note({ id, orgId, name }: FoundTrigger, event: InboundEvent, runId: string, requestId: string): void {
    const { db, audit, clock, log } = this.#deps;
    audit.recordLater({
      id: newId('audit'), orgId, at: new Date(clock.nowMs()).toISOString(), action: 'receiveEvent', target: `run/${runId}`, keyId: id, role: 'developer', requestId,
      before: null, after: { trigger: name, eventId: event.id, eventType: event.type },
    });
    adminTouchTrigger(db, id).catch((error: unknown) => log.debug({ triggerId: id, reason: messageOf(error) }, 'trigger.not_touched'));
  }

  #count(outcome: EventOutcome): void {
    this.#deps.prometheus.countEvent(outcome);
  }
}

const OUTCOMES: Partial<Record<string, EventOutcome>> = {
  NOT_FOUND: 'unknown', TRIGGER_DISABLED: 'disabled', SIGNATURE_INVALID: 'unsigned', EVENT_INVALID: 'invalid', INPUT_INVALID: 'invalid', INPUT_TOO_LARGE: 'invalid', RATE_LIMITED: 'limited',
};

function isSame(known: string, given: string): boolean {
  return timingSafeEqual(Buffer.from(known), Buffer.from(given));
}

function flat(headers: IncomingHttpHeaders): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}
