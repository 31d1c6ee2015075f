import { BullpenError } from './errors.ts';
import type { AgentVersion } from './agent-schemas.ts';
import { cappedLimits } from './capped-limits.ts';
import { newId } from './ids.ts';
import { DEFAULT_RETRY_BACKOFF, DEFAULT_RUN_LIMITS, SIZE_CAPS } from './limits.ts';
import type { Idempotency, NewRun } from './new-run.ts';
import type { Organization } from './org-schemas.ts';
import type { CreateRun } from './run-schemas.ts';
import { toStorableJson } from './stored-json.ts';
import { chooseTier } from './tier.ts';

/**
 * The run that a request asks for: the request's own values, then the version's manifest, then the defaults, checked
 * against the organization's caps. Pure but for the new id.
 * @throws BullpenError INPUT_TOO_LARGE, INPUT_NOT_STORABLE, TIER_UNAVAILABLE, TIER_BELOW_MINIMUM, LIMIT_EXCEEDED
 */
export function planRun(request: CreateRun, version: AgentVersion, organization: Organization, idempotency: Idempotency | null): NewRun {
  const { manifest } = version;
  return {
    id: newId('run'),
    orgId: organization.id,
    agent: version.agent,
    version: version.version,
    versionId: version.id,
    tier: chooseTier({ run: request.tier, version: manifest.tier, minimum: organization.minimumTier }),
    ...cappedLimits(request, manifest, organization),
    maxAttempts: request.maxAttempts ?? manifest.maxAttempts ?? DEFAULT_RUN_LIMITS.maxAttempts,
    backoff: request.backoff ?? manifest.backoff ?? DEFAULT_RETRY_BACKOFF,
    inputJson: storable(request.input, SIZE_CAPS.inputBytes, 'input'),
    metadata: checkedMetadata(request.metadata),
    tags: [...new Set(request.tags)],
    priority: request.priority,
    fairnessKey: request.fairnessKey ?? null,
    ttlMs: request.ttlMs ?? DEFAULT_RUN_LIMITS.ttlMs,
    delayMs: request.delayMs ?? 0,
    idempotencyKey: idempotency?.key ?? null,
    requestHash: idempotency?.requestHash ?? null,
  };
}

function checkedMetadata(metadata: Record<string, string>): Record<string, string> {
  storable(metadata, SIZE_CAPS.metadataBytes, 'metadata');
  return metadata;
}

function storable(value: unknown, maxBytes: number, what: string): string {
  const stored = toStorableJson(value, maxBytes);
  if (stored.ok) return stored.json;
  if (stored.problem === 'too_large') throw new BullpenError('INPUT_TOO_LARGE', `the ${what} is too large: ${stored.detail}`);
  throw new BullpenError('INPUT_NOT_STORABLE', `the ${what} cannot be stored: ${stored.detail}`);
}
