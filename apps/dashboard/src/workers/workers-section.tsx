import type { HealthReport, RuntimeStatus, WorkerSnapshot } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import { Empty, Section } from '../board/section.tsx';
import { Meter } from '../charts/meter.tsx';
import { Ago, Lasting } from '../clock/times.tsx';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatMb } from '../format/quantity.ts';
import type { Tone } from '../runs/run-states.ts';
import type { Column } from '../table/column.ts';
import { DataTable } from '../table/data-table.tsx';
import { workerHealth, type WorkerHealth } from './worker-health.ts';

const HEALTH: Readonly<Record<WorkerHealth, { tone: Tone; label: string }>> = {
  running: { tone: 'good', label: 'running' },
  quiescing: { tone: 'warn', label: 'stopping' },
  late: { tone: 'bad', label: 'not heard of' },
};

/** `at` is the server's time of the snapshot: heartbeats are judged against it. */
export function WorkersSection({ workers, health, at }: { workers: readonly WorkerSnapshot[]; health: RuntimeStatus['workerHealth']; at: string }): ReactNode {
  return (
    <Section title="Workers" note={formatCount(workers.length)} className="workers">
      {workers.length === 0
        ? <Empty title="No worker is connected"><p>Runs wait in their queues until one is. Start the whole system with <code>npx bullpen up</code>, or one more worker process beside it.</p></Empty>
        : <DataTable caption="Workers" noun="workers" columns={columnsAt(Date.parse(at), health)} rows={workers} keyOf={({ id }) => id} firstRows={6} />}
    </Section>
  );
}

function columnsAt(atMs: number, health: RuntimeStatus['workerHealth']): Column<WorkerSnapshot>[] {
  return [
    { id: 'worker', label: 'Worker', lead: true, cell: ({ host, pid, id }) => <span className="name" title={id}><span title={host}>{host}</span><span className="muted">pid {pid}</span></span> },
    { id: 'state', label: 'State', title: 'And its health, of 100', cell: (worker) => <Health health={workerHealth(worker, atMs)} report={health[worker.id]} /> },
    { id: 'slots', label: 'Slots', cell: (worker) => <Slots worker={worker} /> },
    { id: 'rss', label: 'RSS', title: 'Resident memory of the process', align: 'end', cell: ({ rssMb }) => formatMb(rssMb) },
    { id: 'loop', label: 'Loop delay', title: 'Event loop delay, p99 over the last heartbeat', align: 'end', cell: ({ eventLoopDelayMs }) => formatDuration(eventLoopDelayMs) },
    { id: 'uptime', label: 'Uptime', align: 'end', cell: ({ startedAt }) => <Lasting sinceMs={Date.parse(startedAt)} /> },
    { id: 'heartbeat', label: 'Heartbeat', align: 'end', cell: (worker) => <Ago at={worker.at} /> },
  ];
}

/** What it does, and how well; a bad score shows through a good state. */
function Health({ health, report }: { health: WorkerHealth; report: HealthReport | undefined }): ReactNode {
  const { tone, label } = HEALTH[health];
  if (report === undefined) return <Badge tone={tone}>{label}</Badge>;
  const worse = tone === 'good' && report.level !== 'healthy' ? 'warn' : tone;
  return <Badge tone={worse} title={report.reason}>{label} <span className="health-of">{Math.round(report.score)}</span></Badge>;
}

function Slots({ worker: { slots, running } }: { worker: WorkerSnapshot }): ReactNode {
  const words = `${running} of ${slots}, ${Math.max(0, slots - running)} free`;
  return <span className="metered"><Meter parts={[{ value: running, kind: 'used' }]} of={slots} label={`${words} slots`} /><span>{words}</span></span>;
}
