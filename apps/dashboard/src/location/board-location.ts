import type { RunState } from '@bullpen/core';

/** What the reader has chosen. It lives in the query of the address, so that a link shows another reader the same. */
export interface BoardLocation {
  /** Organization whose detail is open. */
  org: string | null;
  /** Run whose detail is open. */
  run: { orgId: string; runId: string } | null;
  /** Text that organizations (and their containers) must contain. */
  find: string;
  /** Column of the organizations table, with a leading dash when descending. */
  sort: string | null;
  /** Filters of the recent runs. */
  runState: RunState | 'unfinished' | 'unsuccessful' | null;
  runOrg: string | null;
}

/** Reads a `location.search`. What it does not know it leaves out. */
export function parseLocation(search: string): BoardLocation {
  const query = new URLSearchParams(search);
  const [orgId, runId] = (query.get('run') ?? '').split('/');
  return {
    org: query.get('org') || null,
    run: orgId && runId ? { orgId, runId } : null,
    find: query.get('find') ?? '',
    sort: query.get('sort') || null,
    runState: (query.get('state') || null) as BoardLocation['runState'],
    runOrg: query.get('of') || null,
  };
}

/** The query that `parseLocation` reads back: `?org=acme&run=acme/run_01...`, or nothing. */
export function formatLocation(location: BoardLocation): string {
  const chosen: [string, string | null][] = [
    ['org', location.org],
    ['run', location.run === null ? null : `${location.run.orgId}/${location.run.runId}`],
    ['find', location.find],
    ['sort', location.sort],
    ['state', location.runState],
    ['of', location.runOrg],
  ];
  const pairs = chosen.flatMap(([name, value]) => (value ? [`${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`] : []));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}
