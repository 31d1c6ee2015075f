import { newId, stepAlert, type AlertStep } from '@bullpen/core';
import type { ActiveSilence, AlertNews, AlertWrite, EvaluationResult, EvaluationState, StoredOpenAlert, WatchedRule } from '@bullpen/db';

import type { Observation } from './observe.ts';

/**
 * What becomes of alerts, given what was observed: pure but for the new ids. One open alert per rule and subject; a subject that
 * is not observed any more has the value 0. It is news when an alert fires and when it is resolved, unless it is silenced.
 */
export function decideAlerts(state: EvaluationState, observed: ReadonlyMap<string, readonly Observation[]>, nowMs: number): EvaluationResult {
  const alerts: AlertWrite[] = [];
  const news: AlertNews[] = [];
  for (const rule of state.rules) {
    const open = new Map(state.open.filter(({ ruleId }) => ruleId === rule.id).map((alert) => [alert.subject, alert]));
    const seen = rule.enabled ? (observed.get(rule.id) ?? []).filter(({ orgId }) => rule.orgId === null || orgId === rule.orgId) : [];
    for (const observation of [...seen, ...goneFrom(open, seen, rule)]) {
      const write = decideOne(rule, open.get(observation.subject) ?? null, observation, state.silences, nowMs);
      if (write === null) continue;
      alerts.push(write.alert);
      if (write.isNews && !write.alert.silenced) news.push(newsOf(rule, write.alert, nowMs));
    }
  }
  return { alerts, news };
}

function goneFrom(open: ReadonlyMap<string, StoredOpenAlert>, seen: readonly Observation[], rule: WatchedRule): Observation[] {
  const present = new Set(seen.map(({ subject }) => subject));
  return [...open.keys()].filter((subject) => !present.has(subject)).map((subject) => ({
    subject, orgId: rule.measure === 'heartbeat_age_ms' ? null : subject, value: 0, reason: rule.enabled ? 'nothing of it is seen any more' : 'the rule was switched off',
  }));
}

function decideOne(
  rule: WatchedRule, open: StoredOpenAlert | null, observation: Observation, silences: readonly ActiveSilence[], nowMs: number,
): { alert: AlertWrite; isNews: boolean } | null {
  const step = stepAlert(open, { value: observation.value, threshold: rule.threshold, forMs: rule.forMs, nowMs });
  const state = stateAfter(step, open);
  if (state === null) return null;
  const alert: AlertWrite = {
    id: open?.id ?? newId('alert'), ruleId: rule.id, orgId: observation.orgId, subject: observation.subject, state,
    value: finite(observation.value), threshold: rule.threshold, reason: observation.reason, culpritOrgId: observation.culpritOrgId ?? null,
    silenced: silences.some((silence) => covers(silence, rule, observation.subject)),
    startedAtMs: open?.startedAtMs ?? nowMs, belowSinceMs: step.kind === 'kept' ? step.belowSinceMs : null,
  };
  return { alert, isNews: step.kind === 'fired' || step.kind === 'resolved' || (step.kind === 'opened' && step.state === 'firing') };
}

function stateAfter(step: AlertStep, open: StoredOpenAlert | null): AlertWrite['state'] | null {
  switch (step.kind) {
    case 'none': return null;
    case 'opened': return step.state;
    case 'kept': return open?.state ?? null;
    case 'fired': return 'firing';
    case 'resolved': return 'resolved';
    case 'dropped': return 'dropped';
  }
}

/** A silence of an organization covers its own rules; one of the platform covers all. */
function covers({ orgId, ruleId, subject }: ActiveSilence, rule: WatchedRule, ofSubject: string): boolean {
  return (orgId === null || orgId === rule.orgId) && (ruleId === null || ruleId === rule.id) && (subject === null || subject === ofSubject);
}

/** Only the platform's own webhook hears who is behind a starvation. */
function newsOf(rule: WatchedRule, alert: AlertWrite, nowMs: number): AlertNews {
  const { id: alertId, orgId, subject, state, value, threshold, reason, culpritOrgId } = alert;
  const eventType = state === 'resolved' ? 'alert.resolved' : 'alert.firing';
  const data = { alertId, ruleId: rule.id, rule: rule.name, measure: rule.measure, severity: rule.severity, orgId, subject, state, value, threshold, reason };
  const bodyOf = (more: object) => JSON.stringify({ type: eventType, timestamp: new Date(nowMs).toISOString(), data: { ...data, ...more } });
  const bodyForOrganization = bodyOf({});
  return { eventId: newId('event'), eventType, alertId, ruleId: rule.id, orgId, bodyForRule: rule.orgId === null ? bodyOf({ culpritOrgId }) : bodyForOrganization, bodyForOrganization };
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.MAX_SAFE_INTEGER;
}
