import { randomBytes } from 'node:crypto';

import {
  BullpenError, newId, newSigningSecret, planRun,
  type Clock, type CreateTrigger, type CreatedTrigger, type RotateTrigger, type RotatedTrigger, type SignatureScheme, type TriggeredRun,
} from '@bullpen/core';
import { getTrigger, insertTrigger, resolveRunVersion, rotateTriggerSecret, rotateTriggerToken, type Database, type SigningSecrets } from '@bullpen/db';

import { hashSecret } from '../auth/api-keys.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';

/**
 * Triggers as their owners see them. What one would run is planned when it is set, so that an agent that is not there, or a limit
 * that is too high, is refused at once.
 */
export interface TriggerServiceDeps {
  db: Database;
  organizations: OrganizationDirectory;
  signing: SigningSecrets;
  clock: Clock;
}

const TOKEN_BYTES = 24;

export class TriggerService {
  readonly #deps: TriggerServiceDeps;

  constructor(deps: TriggerServiceDeps) {
    this.#deps = deps;
  }

  /** @param origin - of its URL. @throws BullpenError ALREADY_EXISTS, LIMIT_EXCEEDED, SECRETS_UNAVAILABLE, and what planning its run throws */
  async create(orgId: string, request: CreateTrigger, origin: string): Promise<CreatedTrigger> {
    const { db, signing } = this.#deps;
    await this.checkRun(orgId, request.run);
    const id = newId('trigger');
    const secret = secretFor(request.scheme, request.secret);
    const token = newToken();
    const parts = { id, tokenHash: hashSecret(token), secret: secret === null ? null : signing.seal(orgId, id, secret) };
    const trigger = await insertTrigger(db, orgId, request, parts);
    return { ...trigger, url: urlOf(origin, id, token), secret };
  }

  /** @throws BullpenError NOT_FOUND, INVALID_REQUEST, SECRETS_UNAVAILABLE */
  async rotate(orgId: string, name: string, { what, overlapMs, secret: given }: RotateTrigger, origin: string): Promise<RotatedTrigger> {
    const { db, signing, clock } = this.#deps;
    const { id, scheme } = await getTrigger(db, orgId, name);
    const untilMs = clock.nowMs() + overlapMs;
    if ((what ?? (scheme === 'none' ? 'url' : 'secret')) === 'url') {
      const token = newToken();
      await rotateTriggerToken(db, orgId, name, hashSecret(token), untilMs);
      return { ...await getTrigger(db, orgId, name), url: urlOf(origin, id, token), secret: null };
    }
    const secret = secretFor(scheme, given);
    if (secret === null) throw new BullpenError('INVALID_REQUEST', 'events of this trigger are not signed: rotate its URL', { issues: [{ path: 'what', message: 'url' }] });
    await rotateTriggerSecret(db, orgId, name, signing.seal(orgId, id, secret), untilMs);
    return { ...await getTrigger(db, orgId, name), url: null, secret };
  }

  /** @throws BullpenError AGENT_NOT_FOUND, NOT_FOUND, and what planning a run throws */
  async checkRun(orgId: string, run: TriggeredRun): Promise<void> {
    const { db, organizations } = this.#deps;
    const [organization, version] = await Promise.all([organizations.get(orgId), resolveRunVersion(db, orgId, run)]);
    planRun({ ...run, input: null }, version, organization, null);
  }
}

/** @throws BullpenError INVALID_REQUEST where the sender's own secret cannot be one of its scheme */
function secretFor(scheme: SignatureScheme, given: string | undefined): string | null {
  if (scheme === 'none') return null;
  if (given === undefined) return newSigningSecret();
  if (scheme === 'standard' && !/^(?:whsec_)?[A-Za-z0-9+/]{16,}={0,2}$/.test(given)) {
    throw new BullpenError('INVALID_REQUEST', 'a secret of Standard Webhooks is base64, after whsec_', { issues: [{ path: 'secret', message: 'whsec_ and base64' }] });
  }
  return given;
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

function urlOf(origin: string, id: string, token: string): string {
  return `${origin}/v1/hooks/${id}/${token}`;
}
