import type { RuntimeStatus } from '@bullpen/core';
import { useMemo, type ReactNode } from 'react';

import { Empty, Section } from '../board/section.tsx';
import { formatCount } from '../format/quantity.ts';
import type { BoardLocation } from '../location/board-location.ts';
import { moveTo } from '../location/use-board-location.ts';
import { DataTable } from '../table/data-table.tsx';
import { NoRuns } from './no-runs.tsx';
import { RUN_COLUMNS } from './run-columns.tsx';
import { filterRuns } from './run-filter.ts';
import { STATE_VIEWS } from './run-states.ts';

interface RunsSectionProps {
  runs: RuntimeStatus['recentRuns'];
  organizations: RuntimeStatus['organizations'];
  location: BoardLocation;
}

const FIRST_ROWS = 15;

export function RunsSection({ runs, organizations, location }: RunsSectionProps): ReactNode {
  const { runState, runOrg, run: open } = location;
  const shown = useMemo(() => filterRuns(runs, { runState, runOrg }), [runs, runState, runOrg]);
  const note = shown.length === runs.length ? `the last ${formatCount(runs.length)}` : `${formatCount(shown.length)} of the last ${formatCount(runs.length)}`;
  return (
    <Section title="Recent runs" note={runs.length === 0 ? '0' : note} className="runs" tools={runs.length > 0 && <RunFilters location={location} organizations={organizations} />}>
      {runs.length === 0 && <NoRuns />}
      {runs.length > 0 && shown.length === 0 && (
        <Empty title="None of the recent runs passes the filter">
          <button type="button" className="button" onClick={() => moveTo({ runState: null, runOrg: null }, 'replace')}>Show all runs</button>
        </Empty>
      )}
      {shown.length > 0 && (
        <DataTable
          caption="Recent runs, newest first" noun="runs" columns={RUN_COLUMNS} rows={shown} keyOf={({ id }) => id} firstRows={FIRST_ROWS}
          onOpen={({ id, orgId }) => moveTo({ run: { orgId, runId: id } })} openKey={open?.runId ?? null}
        />
      )}
    </Section>
  );
}

function RunFilters({ location: { runState, runOrg }, organizations }: Pick<RunsSectionProps, 'location' | 'organizations'>): ReactNode {
  return (
    <>
      <select aria-label="State of the runs" value={runState ?? ''} onChange={(event) => moveTo({ runState: (event.target.value || null) as BoardLocation['runState'] }, 'replace')}>
        <option value="">All states</option>
        <option value="unfinished">Unfinished</option>
        <option value="unsuccessful">Ended without success</option>
        <hr />
        {Object.entries(STATE_VIEWS).map(([state, { label }]) => <option key={state} value={state}>{label}</option>)}
      </select>
      <select aria-label="Organization of the runs" value={runOrg ?? ''} onChange={(event) => moveTo({ runOrg: event.target.value || null }, 'replace')}>
        <option value="">All organizations</option>
        {organizations.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
      </select>
    </>
  );
}
