import type { ContainerState } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import { Meter } from '../charts/meter.tsx';
import { formatAge, formatDuration } from '../format/duration.ts';
import { formatCount, formatMb } from '../format/quantity.ts';
import { RunLink } from '../runs/run-link.tsx';
import type { Tone } from '../runs/run-states.ts';
import { shortId } from '../runs/short-id.ts';
import type { Column } from '../table/column.ts';
import type { PlacedContainer } from './container-groups.ts';
import { DEATH_WORDS } from './deaths.tsx';

const STATE_TONES: Readonly<Record<ContainerState, Tone>> = { starting: 'waiting', warm: 'good', busy: 'busy', recycling: 'warn', dead: 'idle' };

export const CONTAINER_COLUMNS: readonly Column<PlacedContainer>[] = [
  { id: 'container', label: 'Container', lead: true, cell: ({ id }) => <code title={id}>{shortId(id)}</code> },
  { id: 'state', label: 'State', cell: (container) => <State container={container} /> },
  { id: 'tier', label: 'Tier', cell: ({ tier }) => tier },
  { id: 'memory', label: 'Memory of its limit', title: 'V8 heap and external memory', cell: (container) => <Memory container={container} /> },
  { id: 'cpu', label: 'CPU', title: 'CPU time since the container started', align: 'end', cell: ({ cpuMs }) => formatDuration(cpuMs) },
  { id: 'loop', label: 'Loop delay', title: 'How long its event loop takes to answer', align: 'end', cell: ({ eventLoopDelayMs }) => (eventLoopDelayMs === null ? <span className="muted">none</span> : formatDuration(eventLoopDelayMs)) },
  { id: 'health', label: 'Health', title: 'Score of 0 to 100; the reason is in the tooltip and, below 80, beside it', cell: (container) => <Health container={container} /> },
  { id: 'runs', label: 'Runs', align: 'end', cell: ({ runs }) => formatCount(runs) },
  { id: 'run', label: 'Current run', cell: ({ orgId, runId }) => (runId === null ? <span className="muted">none</span> : <RunLink orgId={orgId} runId={runId} />) },
  { id: 'age', label: 'Age', align: 'end', cell: ({ ageMs }) => formatAge(ageMs) },
  { id: 'worker', label: 'Worker', minor: true, cell: ({ place, workerId }) => <span className="muted" title={workerId}>{place}</span> },
];

const healthTone = (score: number): Tone => (score >= 80 ? 'good' : score >= 50 ? 'warn' : 'bad');

function Health({ container: { health: { score, reason, components } } }: { container: PlacedContainer }): ReactNode {
  const parts = components.map((one) => `${one.name} ${one.score ?? 'not known'}`).join(', ');
  return <span title={`${reason} (${parts})`}><Badge tone={healthTone(score)}>{String(Math.round(score))}</Badge>{score < 80 && <span className="muted"> {reason}</span>}</span>;
}

function State({ container: { state, death } }: { container: PlacedContainer }): ReactNode {
  return <Badge tone={STATE_TONES[state]}>{death === null ? state : `${state}: ${DEATH_WORDS[death]}`}</Badge>;
}

function Memory({ container: { heapMb, externalMb, limitMb, reserveMb, baselineMb } }: { container: PlacedContainer }): ReactNode {
  const words = `${formatMb(heapMb)} heap + ${formatMb(externalMb)} external of ${formatMb(limitMb)}; ${formatMb(reserveMb)} reserved, ${formatMb(baselineMb)} left after runs`;
  return (
    <span className="metered">
      <Meter parts={[{ value: heapMb, kind: 'used' }, { value: externalMb, kind: 'used-too' }]} of={limitMb} label={words} />
      <span title={words}>{formatMb(heapMb)} + {formatMb(externalMb)} ext. of {formatMb(limitMb)}</span>
    </span>
  );
}
