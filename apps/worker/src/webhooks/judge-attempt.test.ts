import { describe, expect, it } from '@jest/globals';

import { judgeAttempt, type AttemptResult } from './judge-attempt.ts';

const START_MS = Date.parse('2026-03-10T14:00:00.000Z');
const DAY_MS = 86_400_000;
const taken = { id: 'dlv_1', orgId: 'acme', webhookId: 'whk_1', eventId: 'evt_1', url: 'https://x.example', body: '{}', attempts: 1, failingSince: null as string | null };
const answered = (status: number, headers: Record<string, string> = {}, excerpt = ''): AttemptResult => ({ kind: 'answered', answer: { status, headers, excerpt } });
const judge = (result: AttemptResult, overrides: Partial<typeof taken> = {}) => judgeAttempt({ ...taken, ...overrides }, result, { startedAtMs: START_MS, durationMs: 20, random: 0.5 });

describe('an attempt', () => {
  it.each([200, 202, 204, 299])('is an arrival with %d', (status) => {
    expect(judge(answered(status, {}, 'thanks'))).toEqual({ attempt: { at: '2026-03-10T14:00:00.000Z', status, durationMs: 20, error: null, excerpt: 'thanks' }, outcome: { kind: 'delivered' }, disable: null });
  });

  it.each([100, 301, 302, 307, 400, 404, 429, 500, 503])('is made again after %d', (status) => {
    expect(judge(answered(status))).toMatchObject({ attempt: { error: `it answered ${status}`, excerpt: null }, outcome: { kind: 'retry', nextAtMs: START_MS + 20 + 5000 }, disable: null });
  });

  it('is made again when nobody answered, with the reason in the log', () => {
    expect(judge({ kind: 'unanswered', reason: 'x\u0000' })).toMatchObject({ attempt: { status: null, error: 'x\ufffd' }, outcome: { kind: 'retry' } });
  });

  it('waits as long as the receiver asks for', () => {
    expect(judge(answered(503, { 'retry-after': '120' })).outcome).toEqual({ kind: 'retry', nextAtMs: START_MS + 20 + 120_000 });
    expect(judge(answered(429, { 'retry-after': 'Tue, 10 Mar 2026 15:00:00 GMT' })).outcome).toEqual({ kind: 'retry', nextAtMs: START_MS + 3_600_000 });
  });

  it('is the last one after the tenth, and the end of an endpoint of which nothing arrived for days', () => {
    expect(judge(answered(500), { attempts: 10 })).toMatchObject({ outcome: { kind: 'given_up' }, disable: null });
    const since = (ms: number) => ({ attempts: 10, failingSince: new Date(START_MS - ms).toISOString() });
    expect(judge(answered(500), since(DAY_MS)).disable).toBeNull();
    expect(judge(answered(500), since(3 * DAY_MS)).disable).toMatch(/nothing has arrived since/);
  });

  it('is the end of an endpoint that is gone', () => {
    expect(judge(answered(410))).toMatchObject({ outcome: { kind: 'given_up' }, disable: 'its address is gone (410)' });
  });

  it('keeps no more of an answer than a little', () => {
    expect(judge(answered(500, {}, 'x'.repeat(5000))).attempt.excerpt).toHaveLength(500);
  });
});
