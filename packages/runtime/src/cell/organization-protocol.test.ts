import { describe, expect, it } from '@jest/globals';

import { readOrganizationFrame } from './organization-protocol.ts';

const reading = (of: object) => JSON.stringify({ kind: 'reading', container: 1, nonce: 'n', dropped: 0, reading: { heapMb: 1, externalMb: 1, cpuMs: 1, ...of } });

describe('what a cell tells of its memory and CPU time', () => {
  it('is taken as it is where a process could have it', () => {
    expect(readOrganizationFrame(reading({ externalMb: -0.5 }))).toMatchObject({ kind: 'reading', reading: { externalMb: -0.5 } });
  });

  it.each([{ heapMb: 1e308 }, { externalMb: -1e308 }, { externalMb: 1e12 }, { cpuMs: 1e300 }, { cpuMs: -1 }, { heapMb: null }])('is no frame where none could: %j', (of) => {
    expect(() => readOrganizationFrame(reading(of))).toThrow('not a frame');
  });
});
