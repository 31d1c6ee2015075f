import { isTerminal, type HealthReport, type RunSummary, type RuntimeMetrics } from '@bullpen/core';

import { pause } from '../pause.ts';
import { broken, held, type Finding } from './findings.ts';
import type { TestBed } from './test-bed.ts';

const LOOK_EVERY_MS = 500;
const WINDOW_MS = 3_600_000;
/** Sums are kept as doubles and times as whole ms of their own clocks. */
const SUM_TOLERANCE = 0.01;

/** The time series know every run that ended, and how long it took. */
export async function checkCollection(bed: TestBed): Promise<Finding> {
  const { client, id } = bed.load;
  const { items } = await client.runs.list({ limit: 200, signal: bed.deps.signal });
  const ended = items.filter(({ state }) => isTerminal(state));
  const { metrics, waitedMs } = await untilCounted(bed, id, ended.length);
  const wallMs = sum(ended, (run) => run.usage?.wallMs ?? 0);
  const { total } = metrics;
  const figures = { recorded: ended.length, counted: total.runs, wallMs: Math.round(wallMs), countedWallMs: Math.round(total.wallMs), waitedMs };
  const runIds = ended.slice(0, 1).map((run) => run.id);
  if (total.runs !== ended.length) return broken(`${ended.length} runs of ${id} have ended, the metrics know of ${total.runs} after ${bed.deps.figuresWithinMs / 1000} s: look for metrics.dropped in the workers' logs`, { runIds, figures });
  if (Math.abs(total.wallMs - wallMs) > SUM_TOLERANCE * wallMs + 1) return broken(`the runs took ${Math.round(wallMs)} ms in all, the metrics say ${Math.round(total.wallMs)}`, { runIds, figures });
  return held(`${total.runs} runs recorded, ${total.runs} counted, ${Math.round(total.wallMs)} ms of wall time in both; p50 ${Math.round(total.p50Ms ?? 0)} ms, p99 ${Math.round(total.p99Ms ?? 0)} ms`, { runIds, figures });
}

/** Grouped by what became of them, figures agree with the runs themselves, and with the sum of the groups. */
export async function checkAggregation(bed: TestBed): Promise<Finding> {
  const { red } = bed;
  const { items } = await red.client.runs.list({ limit: 200, signal: bed.deps.signal });
  const ended = items.filter(({ state }) => isTerminal(state));
  const { metrics } = await untilCounted(bed, red.id, ended.length, 'outcome');
  const byTier = await bed.deps.admin.admin.metrics({ orgId: red.id, groupBy: 'tier', windowMs: WINDOW_MS, signal: bed.deps.signal });
  const faults = [...differences(metrics, ended, ({ state }) => state), ...differences(byTier, ended, ({ tier }) => tier)];
  const figures = Object.fromEntries([...metrics.groups, ...byTier.groups].map(({ key, runs }) => [key, runs]));
  const runIds = ended.slice(0, 1).map((run) => run.id);
  if (faults.length > 0) return broken(faults.join('; '), { runIds, figures });
  const said = metrics.groups.map(({ key, runs }) => `${runs} ${key}`).join(', ');
  return held(`by outcome ${said}; by tier ${byTier.groups.map(({ key, runs }) => `${runs} ${key}`).join(', ')}: as the runs say`, { runIds, figures });
}

function differences(metrics: RuntimeMetrics, runs: readonly RunSummary[], keyOf: (run: RunSummary) => string): string[] {
  const counted = new Map(metrics.groups.map(({ key, runs: count }) => [key, count]));
  const expected = new Map<string, number>();
  for (const run of runs) expected.set(keyOf(run), (expected.get(keyOf(run)) ?? 0) + 1);
  return [...new Set([...counted.keys(), ...expected.keys()])].flatMap((key) => {
    const [is, should] = [counted.get(key) ?? 0, expected.get(key) ?? 0];
    return is === should ? [] : [`${should} runs are ${key}, the metrics say ${is}`];
  });
}

async function untilCounted(bed: TestBed, orgId: string, runs: number, groupBy: 'outcome' | 'organization' = 'organization'): Promise<{ metrics: RuntimeMetrics; waitedMs: number }> {
  const { admin, signal, nowMs } = bed.deps;
  const beganMs = nowMs();
  for (;;) {
    const metrics = await admin.admin.metrics({ orgId, groupBy, windowMs: WINDOW_MS, signal });
    const waitedMs = nowMs() - beganMs;
    if (metrics.total.runs >= runs || waitedMs > bed.deps.figuresWithinMs) return { metrics, waitedMs };
    await pause(LOOK_EVERY_MS, signal);
  }
}

/** Organizations, workers and the system have a score with what it is made of, and none of them is unhealthy. */
export async function checkHealth(bed: TestBed): Promise<Finding> {
  const { admin, signal, nowMs } = bed.deps;
  const untilMs = nowMs() + bed.deps.figuresWithinMs;
  for (;;) {
    const status = await admin.admin.status({ signal });
    const organization = status.organizations.find(({ id }) => id === bed.load.id);
    const reports: [string, HealthReport | undefined][] = [
      [bed.load.id, organization?.health], ['the system', status.health], ...Object.entries(status.workerHealth),
    ];
    const unscored = reports.filter(([name, report]) => (name === bed.load.id ? !knowsSuccess(report) : knownOf(report) === 0)).map(([name]) => name);
    if (unscored.length === 0 || nowMs() > untilMs) return judgeHealth(reports, unscored, bed.load.id);
    await pause(LOOK_EVERY_MS, signal);
  }
}

function judgeHealth(reports: readonly [string, HealthReport | undefined][], unscored: readonly string[], busyId: string): Finding {
  const figures = Object.fromEntries(reports.map(([name, report]) => [name, report?.score ?? 'none']));
  if (unscored.length > 0) return broken(`nothing is known of the health of ${unscored.join(', ')}: are metrics collected?`, { figures });
  const bad = reports.filter(([, report]) => report?.level === 'unhealthy').map(([name, report]) => `${name} is unhealthy (${report?.score}): ${report?.reason}`);
  if (bad.length > 0) return broken(bad.join('; '), { figures });
  const [busy, system] = [reports.find(([name]) => name === busyId)?.[1], reports.find(([name]) => name === 'the system')?.[1]];
  return held(`${busyId} ${busy?.score} of ${knownOf(busy)} components, system ${system?.score} of ${knownOf(system)} (${system?.reason}), ${reports.length - 2} worker${reports.length === 3 ? '' : 's'} scored`, { figures });
}

/** Of an organization with runs it is the least that must be known. */
const knowsSuccess = (report: HealthReport | undefined): boolean => report?.components.some(({ name, score }) => name === 'successRatio' && score !== null) ?? false;

const knownOf = (report: HealthReport | undefined): number => report?.components.filter(({ score }) => score !== null).length ?? 0;

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);
