import type { Alert } from '@bullpen/core';
import { describe, expect, it } from '@jest/globals';

import { sortedAlerts } from './sorted-alerts.ts';

const alert = (id: string, state: Alert['state'], severity: Alert['severity'], startedAt: string) => ({ id, state, severity, startedAt } as Alert);

describe('alerts', () => {
  it('come firing first, the gravest first, then the oldest', () => {
    const sorted = sortedAlerts([
      alert('pending', 'pending', 'critical', '1'), alert('late', 'firing', 'warning', '3'), alert('early', 'firing', 'warning', '2'), alert('grave', 'firing', 'critical', '9'),
    ]);
    expect(sorted.map(({ id }) => id)).toEqual(['grave', 'early', 'late', 'pending']);
  });
});
