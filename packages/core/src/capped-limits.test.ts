import { describe, expect, it } from '@jest/globals';

import type { AgentManifest } from './agent-schemas.ts';
import { cappedLimits } from './capped-limits.ts';
import type { LimitCaps } from './limit-schemas.ts';
import type { Organization } from './org-schemas.ts';
import { createRunSchema, type CreateRunRequest } from './run-schemas.ts';

const limitsOf = (request: Partial<CreateRunRequest>, manifest: AgentManifest = {}, caps: LimitCaps = {}) =>
  cappedLimits(createRunSchema.parse({ agent: 'echo', ...request }), manifest, { poolMb: 1024, maxMemoryMb: 512, caps } as Organization);
const refused = expect.objectContaining({ code: 'LIMIT_EXCEEDED' });

describe('the limits of an attempt', () => {
  it('come from the request, else the manifest; nothing else is limited', () => {
    expect(limitsOf({})).toEqual({ timeoutMs: 30_000, memoryMb: 64, limits: {} });
    expect(limitsOf({ limits: { cpuMs: 10 } }, { limits: { cpuMs: 20, logBytes: 5 } })).toMatchObject({ limits: { cpuMs: 10, logBytes: 5 } });
    expect(limitsOf({ limits: { egressRequests: 0 } }).limits).toEqual({ egressRequests: 0 });
  });

  it('may go up to the caps of the version, and not beyond', () => {
    const manifest: AgentManifest = { limits: { cpuMs: 20 }, caps: { cpuMs: 30, timeoutMs: 1000 } };
    expect(limitsOf({ limits: { cpuMs: 30 } }, manifest).limits).toEqual({ cpuMs: 30 });
    expect(() => limitsOf({ limits: { cpuMs: 31 } }, manifest)).toThrow(refused);
    expect(() => limitsOf({ timeoutMs: 1001 }, manifest)).toThrow(refused);
  });

  it('may go up to the caps of the organization, whoever asks', () => {
    expect(() => limitsOf({ limits: { logBytes: 11 } }, {}, { logBytes: 10 })).toThrow(refused);
    expect(() => limitsOf({}, { limits: { logBytes: 11 } }, { logBytes: 10 })).toThrow(refused);
    expect(() => limitsOf({}, { memoryMb: 128 }, { memoryMb: 100 })).toThrow(refused);
    expect(limitsOf({ limits: { logBytes: 10 } }, { limits: { logBytes: 11 } }, { logBytes: 10 }).limits).toEqual({ logBytes: 10 });
  });

  it('are lowered to a cap where nobody asked for anything', () => {
    expect(limitsOf({}, { caps: { timeoutMs: 500 } }, { eventsPerSecond: 7, memoryMb: 32 })).toEqual({ timeoutMs: 500, memoryMb: 32, limits: { eventsPerSecond: 7 } });
  });
});
