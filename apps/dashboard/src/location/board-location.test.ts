import { describe, expect, it } from '@jest/globals';

import { formatLocation, parseLocation, type BoardLocation } from './board-location.ts';

const nothing: BoardLocation = { org: null, run: null, find: '', sort: null, runState: null, runOrg: null };

describe('the address of the board', () => {
  it('is empty when nothing is chosen', () => {
    expect(formatLocation(nothing)).toBe('');
    expect(parseLocation('')).toEqual(nothing);
  });

  it('reads back what it writes', () => {
    const chosen: BoardLocation = {
      org: 'acme', run: { orgId: 'acme', runId: 'run_01jd' }, find: 'a & b?', sort: '-runs', runState: 'timed_out', runOrg: 'acme',
    };
    expect(parseLocation(formatLocation(chosen))).toEqual(chosen);
  });

  it('keeps the path of a run readable', () => {
    expect(formatLocation({ ...nothing, run: { orgId: 'acme', runId: 'run_1' } })).toBe('?run=acme/run_1');
  });

  it('leaves out a run without its organization', () => {
    expect(parseLocation('?run=run_1').run).toBeNull();
  });
});
