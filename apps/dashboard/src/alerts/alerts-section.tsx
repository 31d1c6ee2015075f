import type { Alert } from '@bullpen/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { acknowledgeAlert } from '../api/admin-api.ts';
import { Badge } from '../board/badge.tsx';
import { Section } from '../board/section.tsx';
import { Ago } from '../clock/times.tsx';
import { plural } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import type { Tone } from '../runs/run-states.ts';
import type { Column } from '../table/column.ts';
import { DataTable } from '../table/data-table.tsx';
import { sortedAlerts } from './sorted-alerts.ts';

const TONES: Readonly<Record<Alert['severity'], Tone>> = { critical: 'bad', warning: 'warn', info: 'idle' };

/** What fires or is about to. Absent where nothing does: a board without alerts has no room to spare for them. */
export function AlertsSection({ alerts }: { alerts: readonly Alert[] }): ReactNode {
  if (alerts.length === 0) return null;
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  const note = firing === alerts.length ? plural(firing, 'alert') : `${firing} firing, ${alerts.length - firing} pending`;
  return (
    <Section title="Alerts" note={note} className="alerts">
      <DataTable caption="Alerts" noun="alerts" columns={COLUMNS} rows={sortedAlerts(alerts)} keyOf={({ id }) => id} firstRows={8} />
    </Section>
  );
}

const COLUMNS: Column<Alert>[] = [
  { id: 'rule', label: 'Alert', lead: true, cell: ({ rule }) => <span className="name"><span title={rule}>{rule}</span></span> },
  { id: 'state', label: 'State', cell: (alert) => <State alert={alert} /> },
  { id: 'subject', label: 'About', cell: ({ orgId, subject }) => (orgId === null ? <code title={subject}>{subject.slice(-8)}</code> : <BoardLink to={{ org: orgId, run: null }}>{orgId}</BoardLink>) },
  { id: 'reason', label: 'Why', cell: (alert) => <Reason alert={alert} /> },
  { id: 'since', label: 'Since', align: 'end', cell: ({ startedAt }) => <Ago at={startedAt} /> },
  { id: 'acknowledge', label: 'Seen by', cell: (alert) => <Acknowledge alert={alert} /> },
];

function State({ alert: { state, severity, silenced } }: { alert: Alert }): ReactNode {
  const words = state === 'firing' ? severity : 'pending';
  return <Badge tone={state === 'firing' ? TONES[severity] : 'waiting'}>{words}{silenced ? ', silenced' : ''}</Badge>;
}

/** Who holds what a starved organization waits for stands with it. */
function Reason({ alert: { reason, culpritOrgId } }: { alert: Alert }): ReactNode {
  return (
    <span className="alert-reason">
      {reason}
      {culpritOrgId !== null && <>; most is held by <BoardLink to={{ org: culpritOrgId, run: null }}>{culpritOrgId}</BoardLink></>}
    </span>
  );
}

function Acknowledge({ alert }: { alert: Alert }): ReactNode {
  const queries = useQueryClient();
  const acknowledge = useMutation({
    mutationFn: () => acknowledgeAlert(alert.id),
    networkMode: 'always',
    onSettled: () => queries.invalidateQueries({ queryKey: ['status'] }),
  });
  if (alert.acknowledgedBy !== null) return alert.acknowledgedBy;
  return (
    <>
      <button type="button" className="button quiet" disabled={acknowledge.isPending} onClick={() => acknowledge.mutate()} aria-label={`Acknowledge ${alert.rule} of ${alert.subject}`}>Acknowledge</button>
      {acknowledge.error !== null && <span role="alert" className="marked">{acknowledge.error.message}</span>}
    </>
  );
}
