import type { HealthLevel, HealthReport } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import type { Tone } from '../runs/run-states.ts';

const TONES: Readonly<Record<HealthLevel, Tone>> = { healthy: 'good', degraded: 'warn', unhealthy: 'bad' };

/** A score with its level; what costs most is in the title. */
export function HealthBadge({ report }: { report: HealthReport }): ReactNode {
  return <Badge tone={TONES[report.level]} title={report.reason}>{Math.round(report.score)} <span className="badge-word">{report.level}</span></Badge>;
}

/** What a score is made of, in words, the costliest first. */
export function HealthComponents({ report }: { report: HealthReport }): ReactNode {
  const known = report.components.filter(({ score }) => score !== null).toSorted((a, b) => lossOf(b) - lossOf(a));
  if (known.length === 0) return <p className="note">Nothing ran lately: there is nothing to judge by.</p>;
  return (
    <ul className="health-components">
      {known.map(({ name, score, weight, reason }) => (
        <li key={name}><span className="health-score">{Math.round(score ?? 0)}</span> {reason} <span className="muted">weight {weight}</span></li>
      ))}
    </ul>
  );
}

function lossOf({ weight, score }: HealthReport['components'][number]): number {
  return weight * (100 - (score ?? 100));
}
