import { describe, expect, it } from '@jest/globals';

import type { EvaluationState, WatchedRule } from '@bullpen/db';

import { decideAlerts } from './decide.ts';

const rule: WatchedRule = {
  id: 'alr_1', orgId: null, name: 'Errors', measure: 'error_ratio', threshold: 0.5, windowMs: 60_000, forMs: 0, severity: 'warning', enabled: true,
  createdAt: '2026-01-01T00:00:00.000Z',
};
const state = (overrides: Partial<EvaluationState> = {}): EvaluationState => ({ rules: [rule], open: [], silences: [], ...overrides });
const seen = (value: number, subject = 'acme') => new Map([['alr_1', [{ subject, orgId: subject, value, reason: 'because', culpritOrgId: 'birch' }]]]);
const open = { id: 'alt_1', ruleId: 'alr_1', subject: 'acme', state: 'firing' as const, startedAtMs: 0, belowSinceMs: null };

describe('alerts', () => {
  it('fire once for a rule and a subject, and are news once', () => {
    const first = decideAlerts(state(), seen(0.9), 0);
    expect(first.alerts).toMatchObject([{ subject: 'acme', state: 'firing', value: 0.9, culpritOrgId: 'birch' }]);
    expect(first.news).toHaveLength(1);
    const again = decideAlerts(state({ open: [open] }), seen(0.95), 1000);
    expect(again.alerts).toMatchObject([{ id: 'alt_1', state: 'firing', value: 0.95 }]);
    expect(again.news).toEqual([]);
  });

  it('are resolved when their subject is not seen any more, or their rule is switched off', () => {
    for (const off of [state({ open: [{ ...open, belowSinceMs: 0 }] }), state({ rules: [{ ...rule, enabled: false }], open: [{ ...open, belowSinceMs: 0 }] })]) {
      const { alerts, news } = decideAlerts(off, new Map(), 60_000);
      expect(alerts).toMatchObject([{ id: 'alt_1', state: 'resolved' }]);
      expect(JSON.parse(news[0]?.bodyForRule ?? '')).toMatchObject({ type: 'alert.resolved', data: { alertId: 'alt_1' } });
    }
  });

  it('of an organization are about itself only, and do not say who is behind them', () => {
    const own = { ...rule, orgId: 'acme' };
    expect(decideAlerts(state({ rules: [own] }), seen(0.9, 'birch'), 0).alerts).toEqual([]);
    const { news } = decideAlerts(state({ rules: [own] }), seen(0.9), 0);
    expect(news[0]?.bodyForRule).not.toContain('culprit');
    const [ofPlatform] = decideAlerts(state(), seen(0.9), 0).news;
    expect(ofPlatform?.bodyForRule).toContain('"culpritOrgId":"birch"');
    expect(ofPlatform?.bodyForOrganization).not.toContain('birch');
  });

  it('that are silenced go on, but nobody is told', () => {
    for (const silence of [{ orgId: null, ruleId: null, subject: null }, { orgId: null, ruleId: 'alr_1', subject: 'acme' }]) {
      const { alerts, news } = decideAlerts(state({ silences: [silence] }), seen(0.9), 0);
      expect([alerts[0]?.silenced, news]).toEqual([true, []]);
    }
    // Of another organization, rule or subject.
    for (const silence of [{ orgId: 'birch', ruleId: null, subject: null }, { orgId: null, ruleId: 'alr_2', subject: null }, { orgId: null, ruleId: null, subject: 'birch' }]) {
      expect(decideAlerts(state({ silences: [silence] }), seen(0.9), 0).news).toHaveLength(1);
    }
  });
});
