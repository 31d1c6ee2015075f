import { type Clock, type RunFigures, type RuntimeMetrics, type RuntimeMetricsQuery, type UsageQuery, type UsageReport } from '@bullpen/core';
import {
  adminReadRollupProgress, adminReadTotalHistograms, adminReadTotals, adminReadUtilisation, adminReadWorkerGauges, readRunHistograms, readRunRows,
  readRunSums,
  type Database, type HistogramRow, type MetricGroup, type MetricSelection, type RunSums, type RunSumsRow, type Utilisation,
} from '@bullpen/db';

import { addSums, gatherSums, jainIndex, noSums, percentilesOf, resourceSecondsOf, toFigures, type SignedHistogramRow } from './figures.ts';
import { planQuery, type QueryPlan } from './query-plan.ts';

interface Deps {
  db: Database;
  clock: Clock;
}

/** Gauges are kept for days, not months, and every few seconds: a longer window would read too many. */
const LONGEST_GAUGE_WINDOW_MS = 86_400_000;

/** A series per organization is for a glance at each; over longer windows one asks for one organization. */
const LONGEST_SERIES_WINDOW_MS = 86_400_000 + 900_000;

/** What finished in a window, from rollups where they are made. Percentiles are within 1 % (histogram.ts). */
export async function readRuntimeMetrics(deps: Deps, query: RuntimeMetricsQuery): Promise<RuntimeMetrics> {
  const plan = await planOf(deps, query);
  const window = { fromMs: plan.fromMs, toMs: Math.min(plan.toMs, deps.clock.nowMs()) };
  const isShort = plan.toMs - plan.fromMs <= LONGEST_GAUGE_WINDOW_MS;
  const [whole, grouped, utilisation, workers] = await Promise.all([
    readWhole(deps.db, plan, query.orgId),
    query.groupBy === 'worker' ? noGroups() : readGroups(deps.db, plan, { groupBy: query.groupBy, ...ofOrg(query.orgId) }, query.limit),
    isShort ? adminReadUtilisation(deps.db, window) : NOT_KNOWN,
    query.groupBy === 'worker' ? adminReadWorkerGauges(deps.db, window) : [],
  ]);
  const isByOrganization = query.groupBy === 'organization';
  return {
    ...timesOf(plan),
    groupBy: query.groupBy,
    ...whole,
    fairness: fairnessOf(isByOrganization ? grouped.all : new Map()),
    utilisation,
    groups: grouped.groups,
    groupCount: grouped.all.size,
    organizations: isByOrganization ? grouped.groups.map(({ key, ...figures }) => ({ orgId: key, ...figures })) : [],
    series: isByOrganization ? grouped.series : [],
    workers,
  };
}

/** The same of one organization, for itself. */
export async function readUsage(deps: Deps, orgId: string, query: UsageQuery): Promise<UsageReport> {
  const plan = await planOf(deps, query);
  const [whole, { groups }] = await Promise.all([
    readWhole(deps.db, plan, orgId),
    readGroups(deps.db, plan, { groupBy: query.groupBy, orgId }, Infinity),
  ]);
  // A tenant knows its agents without its own name before them.
  const bare = groups.map((group) => ({ ...group, key: group.key.slice(group.key.indexOf('/') + 1) }));
  return { orgId, ...timesOf(plan), groupBy: query.groupBy, ...whole, groups: bare };
}

async function planOf({ db, clock }: Deps, query: Pick<RuntimeMetricsQuery, 'from' | 'to' | 'windowMs' | 'stepMs'>): Promise<QueryPlan> {
  const nowMs = clock.nowMs();
  const toMs = query.to === undefined ? nowMs : Date.parse(query.to);
  const fromMs = query.from === undefined ? toMs - query.windowMs : Date.parse(query.from);
  return planQuery({ fromMs, toMs, stepMs: query.stepMs, nowMs, progress: await adminReadRollupProgress(db) });
}

/** Everything of the selection as one, and per step. */
async function readWhole(db: Database, plan: QueryPlan, orgId: string | undefined): Promise<Pick<RuntimeMetrics, 'total' | 'timeline'>> {
  const selection: MetricSelection = { groupBy: 'none', ...ofOrg(orgId) };
  const rows = (await Promise.all(plan.segments.map((segment) => readRunRows(db, segment, selection, plan.stepMs)))).flat();
  const total = noSums();
  for (const row of rows) addSums(total, row);
  const percentiles = percentilesOf(rows, () => 0).get(0);
  const byStep = percentilesOf(rows, (row) => row.atMs);
  const timeline = [...gatherSums(rows, (row) => row.atMs)].sort(([a], [b]) => a - b).map(([atMs, { runs, failures }]) => {
    const { p50Ms = null, p95Ms = null, queueWaitP95Ms = null } = byStep.get(atMs) ?? {};
    return { at: iso(atMs), runs, failures, p50Ms, p95Ms, queueWaitP95Ms };
  });
  return { total: toFigures(total, percentiles, windowMsOf(plan)), timeline };
}

interface Groups {
  /** Every group's sums. */
  all: ReadonlyMap<string, RunSums>;
  groups: (RunFigures & { key: string })[];
  series: RuntimeMetrics['series'];
}

/** The groups that used most, with percentiles; their series where they are organizations. */
async function readGroups(db: Database, plan: QueryPlan, selection: MetricSelection & { groupBy: MetricGroup }, limit: number): Promise<Groups> {
  const all = gatherSums(await groupSumsOf(db, plan, selection), (row) => row.key);
  for (const [key, { runs }] of all) if (runs === 0) all.delete(key);
  const listed = [...all.entries()].sort(([a, x], [b, y]) => resourceSecondsOf(y) - resourceSecondsOf(x) || y.runs - x.runs || (a < b ? -1 : 1)).slice(0, limit);
  // With all of them listed there is nothing to choose.
  const ofListed = listed.length === all.size ? selection : { ...selection, keys: listed.map(([key]) => key) };
  const [histograms, series] = await Promise.all([
    listed.length === 0 ? [] : groupHistogramsOf(db, plan, ofListed, listed.map(([key]) => key)),
    selection.groupBy === 'organization' && plan.toMs - plan.fromMs <= LONGEST_SERIES_WINDOW_MS ? sumsOf(db, plan, ofListed, plan.stepMs) : [],
  ]);
  const percentiles = percentilesOf(histograms, (row) => row.key);
  return {
    all,
    groups: listed.map(([key, sums]) => ({ key, ...toFigures(sums, percentiles.get(key), windowMsOf(plan)) })),
    series: seriesOf(series),
  };
}

function seriesOf(rows: readonly RunSumsRow[]): RuntimeMetrics['series'] {
  const byStep = gatherSums(rows, ({ atMs, key }) => `${String(atMs).padStart(16, '0')}/${key}`);
  return [...byStep].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { runs, failures }]) => ({ at: iso(Number(key.slice(0, 16))), orgId: key.slice(17), runs, failures }));
}

/** Organizations over a long window are read off their running totals, two rows each; what is before and after from rollups. */
async function groupSumsOf(db: Database, plan: QueryPlan, selection: MetricSelection): Promise<RunSumsRow[]> {
  const { totals } = plan;
  if (totals === null || !hasTotals(selection)) return sumsOf(db, plan, selection, null);
  const edges = [...totals.before, ...totals.after].map((segment) => readRunSums(db, segment, selection, null));
  const [until, since, ...rest] = await Promise.all([adminReadTotals(db, totals.toMs), adminReadTotals(db, totals.fromMs), ...edges]);
  // The worst wait of the edges alone would pass for that of the whole.
  return [...until, ...since.map(negative), ...rest.flat().map((row) => ({ ...row, worstQueueWaitMs: 0 }))];
}

async function groupHistogramsOf(db: Database, plan: QueryPlan, selection: MetricSelection, keys: readonly string[]): Promise<SignedHistogramRow[]> {
  const { totals } = plan;
  if (totals === null || !hasTotals(selection)) return histogramsOf(db, plan, selection, null);
  const edges = [...totals.before, ...totals.after].map((segment) => readRunHistograms(db, segment, selection, null));
  const [until, since, ...rest] = await Promise.all([adminReadTotalHistograms(db, totals.toMs, keys), adminReadTotalHistograms(db, totals.fromMs, keys), ...edges]);
  return [...until, ...since.map((row) => ({ ...row, sign: -1 as const })), ...rest.flat()];
}

function hasTotals({ groupBy, orgId }: MetricSelection): boolean {
  return groupBy === 'organization' && orgId === undefined;
}

function negative({ key, atMs, runs, failures, wallMs, cpuMs, gbSeconds, queueWaitMs, egressBytes, tokens }: RunSumsRow): RunSumsRow {
  return {
    key, atMs, runs: -runs, failures: -failures, wallMs: -wallMs, cpuMs: -cpuMs, gbSeconds: -gbSeconds, queueWaitMs: -queueWaitMs, worstQueueWaitMs: 0,
    egressBytes: -egressBytes, tokens: -tokens,
  };
}

async function noGroups(): Promise<Groups> {
  return { all: new Map(), groups: [], series: [] };
}

async function sumsOf(db: Database, plan: QueryPlan, selection: MetricSelection, stepMs: number | null): Promise<RunSumsRow[]> {
  const segments = stepMs === null ? plan.wholeSegments : plan.segments;
  return (await Promise.all(segments.map((segment) => readRunSums(db, segment, selection, stepMs)))).flat();
}

async function histogramsOf(db: Database, plan: QueryPlan, selection: MetricSelection, stepMs: number | null): Promise<HistogramRow[]> {
  const segments = stepMs === null ? plan.wholeSegments : plan.segments;
  return (await Promise.all(segments.map((segment) => readRunHistograms(db, segment, selection, stepMs)))).flat();
}

function fairnessOf(organizations: ReadonlyMap<string, RunSums>): RuntimeMetrics['fairness'] {
  const shares = [...organizations.values()].map(resourceSecondsOf).filter((share) => share > 0);
  return { jain: jainIndex(shares), organizations: shares.length };
}

const NOT_KNOWN: Utilisation = Object.freeze({ slots: null, memory: null });

function ofOrg(orgId: string | undefined): { orgId?: string } {
  return orgId === undefined ? {} : { orgId };
}

function timesOf({ fromMs, toMs, stepMs, completeUntilMs }: QueryPlan) {
  return { from: iso(fromMs), to: iso(toMs), stepMs, completeUntil: iso(completeUntilMs) };
}

function windowMsOf({ fromMs, completeUntilMs }: QueryPlan): number {
  return completeUntilMs - fromMs;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
