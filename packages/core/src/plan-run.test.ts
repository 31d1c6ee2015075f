import { describe, expect, it } from '@jest/globals';

import type { AgentManifest, AgentVersion } from './agent-schemas.ts';
import type { Idempotency } from './new-run.ts';
import type { Organization } from './org-schemas.ts';
import { planRun } from './plan-run.ts';
import { createRunSchema, type CreateRunRequest } from './run-schemas.ts';
import type { Tier } from './tier.ts';

const plan = (request: Partial<CreateRunRequest>, manifest: AgentManifest = {}, organization: Partial<Organization> = {}, key: Idempotency | null = null) =>
  planRun(
    createRunSchema.parse({ agent: 'echo', ...request }),
    { id: 'ver_1', agent: 'echo', version: 3, manifest } as AgentVersion,
    { id: 'acme', poolMb: 1024, maxMemoryMb: 512, minimumTier: 'basic', caps: {}, ...organization } as Organization,
    key,
  );

describe('the plan of a run', () => {
  it('takes each limit from the request, else the manifest, else the defaults', () => {
    expect(plan({})).toMatchObject({ timeoutMs: 30_000, memoryMb: 64, maxAttempts: 1, ttlMs: null, delayMs: 0, tier: 'enhanced', version: 3 });
    expect(plan({}, { timeoutMs: 500, maxAttempts: 4 })).toMatchObject({ timeoutMs: 500, maxAttempts: 4 });
    expect(plan({ timeoutMs: 700 }, { timeoutMs: 500 })).toMatchObject({ timeoutMs: 700 });
  });

  it('refuses more memory than the organization may ask for, or than its pool holds', () => {
    expect(() => plan({ memoryMb: 600 })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(() => plan({ memoryMb: 200 }, {}, { poolMb: 128 })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
    expect(() => plan({}, { memoryMb: 600 })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }));
  });

  it.each<[run: Tier | undefined, version: Tier | undefined, minimum: Tier, Tier]>([
    [undefined, undefined, 'basic', 'enhanced'],
    [undefined, undefined, 'strict', 'strict'],
    [undefined, 'basic', 'basic', 'basic'],
    [undefined, 'basic', 'enhanced', 'enhanced'],
    ['strict', 'basic', 'enhanced', 'strict'],
    ['basic', undefined, 'basic', 'basic'],
  ])('takes the tier of the run %s, of the version %s, the minimum %s: %s', (run, version, minimumTier, tier) => {
    expect(plan({ tier: run }, { tier: version }, { minimumTier })).toMatchObject({ tier });
  });

  it.each<[run: Tier, version: Tier | undefined, minimum: Tier]>([
    ['basic', undefined, 'enhanced'], ['enhanced', undefined, 'strict'], ['basic', 'strict', 'basic'], ['enhanced', 'strict', 'basic'],
  ])('never weakens a wall: a run that asks for %s, a version for %s, the minimum %s', (run, version, minimumTier) => {
    expect(() => plan({ tier: run }, { tier: version }, { minimumTier })).toThrow(expect.objectContaining({ code: 'TIER_BELOW_MINIMUM' }));
  });

  it('carries the key and the hash of its request together, or neither', () => {
    expect(plan({}, {}, {}, { key: 'k', requestHash: 'h' })).toMatchObject({ idempotencyKey: 'k', requestHash: 'h' });
    expect(plan({})).toMatchObject({ idempotencyKey: null, requestHash: null });
  });
});
