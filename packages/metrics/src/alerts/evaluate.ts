import { messageOf, type Clock, type Logger } from '@bullpen/core';
import { adminEvaluateAlerts, type Database } from '@bullpen/db';

import { decideAlerts } from './decide.ts';
import { AlertObserver, type Observation } from './observe.ts';

/**
 * One turn over all alert rules; any number of processes may take turns at any time, one of them does the work. A measure that cannot
 * be read leaves its alerts as they are.
 *
 * @returns whether it was this process that did it
 */
export async function evaluateAlerts({ db, clock, log }: { db: Database; clock: Clock; log: Logger }): Promise<boolean> {
  const nowMs = clock.nowMs();
  return adminEvaluateAlerts(db, nowMs, async (state) => {
    const observer = new AlertObserver({ db, clock });
    const observed = new Map<string, readonly Observation[]>();
    const unread = new Set<string>();
    await Promise.all(state.rules.filter(({ enabled }) => enabled).map(async (rule) => {
      try {
        observed.set(rule.id, await observer.observe(rule));
      } catch (error) {
        unread.add(rule.id);
        log.warn({ rule: rule.id, measure: rule.measure, reason: messageOf(error) }, 'alerts.measure_not_read');
      }
    }));
    const result = decideAlerts({ ...state, rules: state.rules.filter(({ id }) => !unread.has(id)) }, observed, nowMs);
    for (const { ruleId, subject, orgId, state: to, reason, culpritOrgId, silenced } of result.alerts) {
      if (to !== 'pending' && to !== 'dropped' && state.open.find((open) => open.ruleId === ruleId && open.subject === subject)?.state !== to) {
        log.info({ ruleId, orgId, subject, reason, culpritOrgId, silenced }, `alert.${to}`);
      }
    }
    return result;
  });
}
