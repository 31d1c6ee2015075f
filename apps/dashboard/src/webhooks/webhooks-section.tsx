import type { OperatorDelivery, WebhookBoard, WebhookHealth } from '@bullpen/core';
import type { ReactNode } from 'react';

import { Badge } from '../board/badge.tsx';
import { Section } from '../board/section.tsx';
import { Ago } from '../clock/times.tsx';
import { NO_VALUE } from '../format/duration.ts';
import { formatCount, plural } from '../format/quantity.ts';
import { BoardLink } from '../location/board-link.tsx';
import type { Column } from '../table/column.ts';
import { DataTable } from '../table/data-table.tsx';
import { ReplayDelivery } from './replay-delivery.tsx';
import { deliveryState, endpointState } from './webhook-texts.ts';

/** Webhooks of all organizations, and what did not arrive. Absent where there are none. */
export function WebhooksSection({ board }: { board: WebhookBoard | undefined }): ReactNode {
  if (board === undefined || board.endpoints.length === 0) return null;
  const { endpoints, deliveries } = board;
  const troubled = endpoints.filter((one) => endpointState(one).tone !== 'good').length;
  const note = troubled === 0 ? `${plural(endpoints.length, 'endpoint')}, all work` : `${troubled} of ${plural(endpoints.length, 'endpoint')} in trouble`;
  return (
    <Section title="Webhooks" note={note} className="webhooks">
      <DataTable caption="Webhooks" noun="endpoints" columns={ENDPOINTS} rows={endpoints} keyOf={({ id }) => id} firstRows={8} />
      {deliveries.length > 0 && (
        <>
          <h3 className="subhead">Not delivered</h3>
          <DataTable caption="Deliveries that did not arrive" noun="deliveries" columns={DELIVERIES} rows={deliveries} keyOf={({ id }) => id} firstRows={8} />
        </>
      )}
    </Section>
  );
}

function Owner({ orgId }: { orgId: string | null }): ReactNode {
  return orgId === null ? <span className="muted">the platform</span> : <BoardLink to={{ org: orgId, run: null }} className="plain" title={orgId}>{orgId}</BoardLink>;
}

const ENDPOINTS: readonly Column<WebhookHealth>[] = [
  { id: 'url', label: 'Endpoint', lead: true, cell: ({ url }) => <span className="name"><span title={url}>{url.replace(/^https:\/\//, '')}</span></span> },
  { id: 'org', label: 'Organization', cell: ({ orgId }) => <Owner orgId={orgId} /> },
  { id: 'state', label: 'State', cell: (one) => <Badge tone={endpointState(one).tone} title={one.disabledReason ?? ''}>{endpointState(one).words}</Badge> },
  { id: 'types', label: 'Told of', minor: true, cell: ({ eventTypes }) => <span className="alert-reason">{eventTypes.join(', ')}</span> },
  { id: 'pending', label: 'Waiting', align: 'end', cell: ({ pending }) => (pending === 0 ? NO_VALUE : formatCount(pending)) },
  { id: 'oldest', label: 'Oldest', align: 'end', cell: ({ oldestPendingAt }) => <Ago at={oldestPendingAt} /> },
  { id: 'failed', label: 'Given up, 24 h', align: 'end', cell: ({ failedLastDay }) => (failedLastDay === 0 ? NO_VALUE : formatCount(failedLastDay)) },
  { id: 'since', label: 'Failing since', align: 'end', cell: ({ failingSince, disabledAt }) => <Ago at={disabledAt ?? failingSince} /> },
];

const DELIVERIES: readonly Column<OperatorDelivery>[] = [
  { id: 'event', label: 'Event', lead: true, cell: ({ eventType, eventId }) => <span className="name"><code title={eventId}>{eventType}</code></span> },
  { id: 'org', label: 'Organization', cell: ({ orgId }) => <Owner orgId={orgId} /> },
  { id: 'state', label: 'State', cell: (delivery) => <Badge tone={deliveryState(delivery).tone}>{deliveryState(delivery).words}</Badge> },
  { id: 'why', label: 'Why', cell: ({ last }) => <span className="alert-reason">{last?.error ?? NO_VALUE}</span> },
  { id: 'attempts', label: 'Attempts', align: 'end', minor: true, cell: ({ attempts }) => attempts },
  { id: 'happened', label: 'Event was', align: 'end', cell: ({ createdAt }) => <Ago at={createdAt} /> },
  { id: 'replay', label: 'Again', cell: (delivery) => <ReplayDelivery delivery={delivery} /> },
];
