import { describe, expect, it } from '@jest/globals';

import { deliveryState, endpointState } from './webhook-texts.ts';

const endpoint = { id: 'whk_1', orgId: 'acme', url: 'https://x.example', eventTypes: ['run.*'], pending: 0, oldestPendingAt: null, failedLastDay: 0, failingSince: null, disabledAt: null, disabledReason: null };
const AT = '2026-03-10T14:00:00.000Z';

describe('an endpoint', () => {
  it('works, fails, or is disabled, which is no trouble where its owner did it', () => {
    expect(endpointState(endpoint)).toEqual({ tone: 'good', words: 'works' });
    expect(endpointState({ ...endpoint, failingSince: AT })).toEqual({ tone: 'warn', words: 'failing' });
    expect(endpointState({ ...endpoint, failingSince: AT, disabledAt: AT, disabledReason: 'its address is gone (410)' })).toEqual({ tone: 'bad', words: 'disabled' });
    expect(endpointState({ ...endpoint, disabledAt: AT, disabledReason: 'by its owner' }).tone).toBe('idle');
  });
});

describe('a delivery that did not arrive', () => {
  it('waits, is tried again, or was given up', () => {
    const last = { at: AT, status: 500, durationMs: 3, error: 'it answered 500', excerpt: null };
    expect([deliveryState({ state: 'pending', last: null }), deliveryState({ state: 'pending', last }), deliveryState({ state: 'failed', last })].map(({ words }) => words)).toEqual(['waits', 'tried again', 'given up']);
  });
});
