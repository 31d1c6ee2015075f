import type { Alert } from '@bullpen/core';

const SEVERITIES: readonly Alert['severity'][] = ['critical', 'warning', 'info'];

/** Firing before pending, the gravest first, then the oldest. */
export function sortedAlerts(alerts: readonly Alert[]): Alert[] {
  return alerts.toSorted((a, b) => rank(a) - rank(b) || (a.startedAt < b.startedAt ? -1 : 1));
}

function rank({ state, severity }: Alert): number {
  return (state === 'firing' ? 0 : 10) + SEVERITIES.indexOf(severity);
}
