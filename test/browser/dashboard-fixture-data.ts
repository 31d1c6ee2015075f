import {
  ORGANIZATION_HEALTH, SYSTEM_HEALTH, WORKER_HEALTH, scoreHealth,
  type Alert, type ContainerSnapshot, type HealthReport, type OrganizationMetrics, type RunError, type RunFigures, type RunState, type RunSummary,
  type RuntimeMetrics, type RuntimeStatus, type WebhookBoard, type WebhookHealth, type WorkerSnapshot,
} from '@bullpen/core';

/** How much there is to see. */
export type SceneName = 'empty' | 'two' | 'hundred';

export interface Scene {
  status: RuntimeStatus;
  metrics: RuntimeMetrics;
  webhooks: WebhookBoard;
}

type Random = () => number;

const MINUTE_MS = 60_000;
const AGENTS = ['csv-analyst', 'doc-indexer', 'release-notes', 'invoice-reader', 'chaos'];
const TREES = ['Acme', 'Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Ginkgo', 'Hazel', 'Juniper'];
const TRADES = ['Analytics', 'Logistics', 'Health', 'Retail', 'Labs', 'Insurance', 'Media', 'Robotics', 'Foods', 'Travel'];

const ERRORS: Partial<Record<RunState, RunError>> = {
  failed: {
    code: 'AGENT_THREW',
    message: 'Cannot read properties of undefined (reading \'columns\')',
    stack: 'TypeError: Cannot read properties of undefined (reading \'columns\')\n    at summarize (csv-analyst.js:118:31)\n    at run (csv-analyst.js:42:17)\n    at async call (bullpen:container:61:20)',
  },
  timed_out: { code: 'TIMED_OUT', message: 'the attempt ran into its limit of 30000 ms and was killed' },
  out_of_memory: { code: 'OUT_OF_MEMORY', message: 'the attempt ran into its limit of 64 MB and was killed: 71.3 MB heap, 4.1 MB external' },
  cancelled: { code: 'CANCELLED', message: 'the run was cancelled by a caller' },
  crashed: { code: 'WORKER_LOST', message: 'the workers that took the run died or lost it 6 times' },
  retrying: { code: 'AGENT_THREW', message: 'fetch failed: 503 from prices.example' },
};
const STATES: RunState[] = ['succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed', 'succeeded', 'timed_out', 'out_of_memory', 'succeeded', 'cancelled'];
const YOUNG_STATES: RunState[] = ['queued', 'running', 'running', 'retrying', 'scheduled', 'queued', 'running', 'running'];

/** The same picture for the same name, at any time of day. */
export function sceneOf(name: SceneName, nowMs: number): Scene {
  const random = seeded(7);
  const names = name === 'empty' ? [] : name === 'two' ? ['Acme Analytics', 'Birch Logistics'] : TREES.flatMap((tree) => TRADES.map((trade) => `${tree} ${trade}`));
  const orgs = names.map((title) => ({ id: title.toLowerCase().replace(' ', '-'), title, weight: (names.length === 2 ? 1.2 : 0.15) + random() ** 3 * 3 }));
  const recentRuns = name === 'empty' ? [] : Array.from({ length: name === 'two' ? 40 : 100 }, (_, index) => runOf(index, pick(orgs, random).id, random, nowMs));
  const running = recentRuns.filter(({ state }) => state === 'running');
  const workers = name === 'empty' ? [] : Array.from({ length: name === 'two' ? 2 : 4 }, (_, index) => workerOf(index, orgs, running, random, nowMs));
  const metrics = metricsOf(orgs, random, nowMs);
  const organizations = orgs.map(({ id, title, weight }) => {
    const runtimes = workers.flatMap((worker) => worker.organizations.filter(({ orgId }) => orgId === id));
    return {
      id, name: title, poolMb: 1024,
      reservedMb: runtimes.reduce((sum, { reservedMb }) => sum + reservedMb, 0),
      containers: runtimes.reduce((sum, { containers }) => sum + containers.length, 0),
      queue: {
        waiting: recentRuns.filter(({ orgId, state }) => orgId === id && state === 'queued').length + Math.floor(weight * random() * 4),
        delayed: recentRuns.filter(({ orgId, state }) => orgId === id && (state === 'retrying' || state === 'scheduled')).length,
        active: running.filter(({ orgId }) => orgId === id).length,
      },
      health: organizationHealthOf(id, random),
    };
  });
  const workerHealth = Object.fromEntries(workers.map(({ id, eventLoopDelayMs }) => [id, scoreHealth(WORKER_HEALTH, { heartbeatAgeMs: 400, eventLoopDelayMs, crashesPerMinute: 0 })]));
  const health = scoreHealth(SYSTEM_HEALTH, { heartbeatsRatio: workers.length === 0 ? 0 : 1, successRatio: 0.98, queueWaitP95Ms: 40, postgresMs: 3 });
  return { status: { at: iso(nowMs), queueBackend: 'redis', workers, organizations, recentRuns, workerHealth, health, alerts: alertsOf(organizations.map(({ id }) => id), nowMs) }, metrics, webhooks: webhooksOf(organizations.map(({ id }) => id), nowMs) };
}

function organizationHealthOf(id: string, random: Random): HealthReport {
  return scoreHealth(ORGANIZATION_HEALTH, { successRatio: id.endsWith('e') ? 0.62 : 0.985, queueWaitP95Ms: 10 + random() * 90, killedRatio: 0, poolSaturationRatio: random() * 0.8 });
}

/** With more than two organizations something is wrong somewhere: one starved, one failing. */
function alertsOf(orgIds: readonly string[], nowMs: number): Alert[] {
  const [first, second, third] = orgIds;
  if (first === undefined || second === undefined || third === undefined) return [];
  const base = { silenced: false, resolvedAt: null, acknowledgedAt: null, acknowledgedBy: null, culpritOrgId: null };
  return [
    { ...base, id: 'alt_01jd3v00000000000000000001', ruleId: 'alr_default_starved', rule: 'Organization starved', orgId: third, subject: third, measure: 'starved_ms', severity: 'critical', state: 'firing',
      value: 94_000, threshold: 60_000, reason: `the oldest of 14 waiting runs has waited 94 s while nothing of ${third} runs`, culpritOrgId: first, startedAt: iso(nowMs - 94_000), firingAt: iso(nowMs - 34_000) },
    { ...base, id: 'alt_01jd3v00000000000000000002', ruleId: 'alr_default_errors', rule: 'Half of the runs fail', orgId: second, subject: second, measure: 'error_ratio', severity: 'warning', state: 'pending',
      value: 0.61, threshold: 0.5, reason: '61 % of the runs of 5 minutes failed', startedAt: iso(nowMs - 40_000), firingAt: null },
  ];
}

/** With more than two organizations one endpoint is gone and one fails. */
function webhooksOf(orgIds: readonly string[], nowMs: number): WebhookBoard {
  const [first, second, third] = orgIds;
  if (first === undefined || second === undefined || third === undefined) return { endpoints: [], deliveries: [] };
  const works: WebhookHealth = { id: 'whk_1', orgId: first, url: 'https://hooks.example.com/bullpen', eventTypes: ['run.*', 'deployment.*'], pending: 0, oldestPendingAt: null, failedLastDay: 0, failingSince: null, disabledAt: null, disabledReason: null };
  const deliveryOf = (id: string, orgId: string, state: 'pending' | 'failed', error: string, status: number | null) => ({
    id, orgId, webhookId: 'whk_2', eventId: `evt_${id}`, eventType: 'run.failed', state, attempts: 3, last: { at: iso(nowMs - 60_000), status, durationMs: 20, error, excerpt: null },
    nextAt: state === 'pending' ? iso(nowMs + 300_000) : null, createdAt: iso(nowMs - 40 * MINUTE_MS), finishedAt: state === 'pending' ? null : iso(nowMs - 60_000),
  });
  return {
    endpoints: [
      { ...works, id: 'whk_2', orgId: second, url: 'https://receiver.of-a-rather-long-name.example.org/api/v2/integrations/bullpen/events', eventTypes: ['run.failed', 'run.timed_out', 'alert.*'], pending: 41, oldestPendingAt: iso(nowMs - 40 * MINUTE_MS), failingSince: iso(nowMs - 35 * MINUTE_MS) },
      { ...works, id: 'whk_3', orgId: third, url: 'https://old.example.net/hook', eventTypes: ['run.*'], failedLastDay: 12, disabledAt: iso(nowMs - 3 * 60 * MINUTE_MS), disabledReason: 'its address is gone (410)' },
      works,
      { ...works, id: 'whk_4', orgId: null, url: 'https://pager.example.com/v1/events', eventTypes: ['alert.*'] },
    ],
    deliveries: [deliveryOf('dlv_1', second, 'pending', 'it answered 503', 503), deliveryOf('dlv_2', third, 'failed', 'it answered 410', 410)],
  };
}

type Org = { id: string; title: string; weight: number };

/** The first two workers share the running runs. */
function workerOf(index: number, orgs: readonly Org[], running: readonly RunSummary[], random: Random, nowMs: number): WorkerSnapshot {
  const ownOf = (id: string): RunSummary[] => running.filter(({ orgId }, place) => orgId === id && place % 2 === index);
  const organizations = orgs.filter(({ id }) => random() > 0.35 || ownOf(id).length > 0).map(({ id }) => {
    const own = ownOf(id);
    const containers = [...own.map((run) => containerOf(id, run.id, random)), ...Array.from({ length: 1 + Math.floor(random() * 2) }, () => containerOf(id, null, random))];
    const deaths = random() > 0.5 ? { idle: Math.ceil(random() * 9), ...(random() > 0.6 ? { out_of_memory: 1, timed_out: 2 } : {}) } : {};
    return { orgId: id, poolMb: 1024, reservedMb: containers.length * 64, containers, deaths };
  });
  const busy = organizations.flatMap(({ containers }) => containers).filter(({ state }) => state === 'busy').length;
  return {
    id: newIdOf('wkr', random), host: `node-${'abcd'[index]}`, pid: 4100 + index * 37, platform: 'linux x64', startedAt: iso(nowMs - (index + 1) * 97 * MINUTE_MS), at: iso(nowMs - 400),
    state: 'running', slots: 16, running: busy, rssMb: 180 + random() * 160, eventLoopDelayMs: 1 + random() * 6, organizations, isolation: isolationOf(index, nowMs),
  };
}

/** The second worker's machine has no user namespaces. */
function isolationOf(index: number, nowMs: number): NonNullable<WorkerSnapshot['isolation']> {
  const isWhole = index !== 1;
  const cases = ['has a pid namespace of its own', 'runs behind a system call filter', 'cannot read the files of the machine'].map((name, place) => ({ name, passed: isWhole || place > 0 }));
  const strict = 'a single-use process per run: namespaces, system call filter, kernel limits, permission model';
  return {
    at: iso(nowMs - 3 * MINUTE_MS), probes: [{ name: 'bubblewrap', works: true, detail: 'bubblewrap 0.8.0' }],
    tiers: [
      { tier: 'basic', isBuilt: true, target: 'a thread per container, never shared by organizations', achieved: 'a thread per container, never shared by organizations', cases: [] },
      { tier: 'enhanced', isBuilt: true, target: 'a process per organization behind namespaces', achieved: isWhole ? 'a process per organization behind namespaces' : 'a process per organization under another account', cases },
      { tier: 'strict', isBuilt: isWhole, target: strict, achieved: isWhole ? strict : 'nothing: runs of this tier are refused', cases },
    ],
  };
}

function containerOf(orgId: string, runId: string | null, random: Random): ContainerSnapshot {
  const score = random() > 0.9 ? 68 : 100;
  return {
    id: newIdOf('ctr', random), orgId, tier: 'basic', state: runId === null ? 'warm' : 'busy', death: null, limitMb: 64, heapMb: 6 + random() * 48, externalMb: random() * 8,
    cpuMs: random() * 90_000, runs: Math.floor(random() * 240), runId, ageMs: random() * 3_600_000, reserveMb: 24, baselineMb: 7.5, eventLoopDelayMs: random() * 4,
    health: { score, reason: score === 100 ? 'all components are healthy' : 'event loop delay is 1700 ms, healthy is at most 250 ms', components: [{ name: 'memoryRatio', value: 0.4, score: 100 }, { name: 'eventLoopDelayMs', value: 1700, score }] },
  };
}

export function runOf(index: number, orgId: string, random: Random, nowMs: number, forced?: RunState): RunSummary {
  const state = forced ?? (index < YOUNG_STATES.length ? YOUNG_STATES[index] : pick(STATES, random)) ?? 'queued';
  const queuedMs = nowMs - index * 9000 - 1200;
  const claimedMs = queuedMs + 2 + random() ** 4 * 4000;
  const wallMs = state === 'timed_out' ? 30_004 : 8 + random() ** 3 * 9000;
  const begun = !['queued', 'scheduled'].includes(state);
  const over = begun && !['running', 'retrying'].includes(state);
  return {
    id: newIdOf('run', random), orgId, agent: pick(AGENTS, random), version: 1 + Math.floor(random() * 4), state, tier: 'basic', attempt: begun ? 1 : 0, maxAttempts: state === 'retrying' ? 3 : 1,
    timeoutMs: 30_000, memoryMb: 64, limits: {}, kill: null, priority: 5, fairnessKey: null, error: ERRORS[state] ?? null,
    usage: over ? { wallMs, cpuMs: wallMs * 0.4, peakHeapMb: 9 + random() * 40, peakExternalMb: random() * 4, gbSeconds: (wallMs / 1000) * 0.0625 } : null,
    tags: [], metadata: index % 3 === 0 ? { source: 'nightly-import', ticket: 'OPS-1482' } : {},
    workerId: begun ? newIdOf('wkr', random) : null, traceId: index % 2 === 0 ? (index + 1).toString(16).padStart(32, '4bf92f3577b34da6') : null, queuedAt: iso(queuedMs), notBefore: ['scheduled', 'retrying'].includes(state) ? iso(nowMs + 90_000) : null, expiresAt: null,
    claimedAt: begun ? iso(claimedMs) : null, startedAt: begun ? iso(claimedMs + 1) : null, finishedAt: over ? iso(claimedMs + 1 + wallMs) : null,
  };
}

function metricsOf(orgs: readonly Org[], random: Random, nowMs: number): RuntimeMetrics {
  const toMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const series = orgs.flatMap(({ id, weight }, index) => Array.from({ length: 60 }, (_, step) => {
    const runs = Math.floor(weight * (6 + 5 * Math.sin(step / 9) + random() * 6));
    return { at: iso(toMs - (60 - step) * MINUTE_MS), orgId: id, runs, failures: Math.min(runs, Math.floor(random() ** 5 * (index % 9 === 4 ? 14 : 3) * weight)) };
  })).filter(({ runs }) => runs > 0);
  const organizations = orgs.map(({ id }, index): OrganizationMetrics => {
    const own = series.filter(({ orgId }) => orgId === id);
    return { orgId: id, ...figuresOf(own, 12 + random() ** 3 * 2400, 3 + random() * 80 + index) };
  });
  return {
    from: iso(toMs - 60 * MINUTE_MS), to: iso(toMs), stepMs: MINUTE_MS, completeUntil: iso(nowMs), groupBy: 'organization',
    total: figuresOf(series, 180, 40), fairness: { jain: 0.97, organizations: organizations.length }, utilisation: { slots: 0.4, memory: 0.3 },
    timeline: [...Map.groupBy(series, ({ at }) => at)].map(([at, points]) => ({ at, ...countOf(points), p50Ms: 180, p95Ms: 900, queueWaitP95Ms: 40 })),
    groups: organizations.map(({ orgId, ...figures }) => ({ key: orgId, ...figures })), groupCount: organizations.length, organizations, series, workers: [],
  };
}

type Point = RuntimeMetrics['series'][number];

function countOf(points: readonly Point[]): { runs: number; failures: number } {
  return { runs: points.reduce((sum, point) => sum + point.runs, 0), failures: points.reduce((sum, point) => sum + point.failures, 0) };
}

function figuresOf(points: readonly Point[], typicalMs: number, waitMs: number): RunFigures {
  const { runs, failures } = countOf(points);
  const ofRuns = (ms: number) => (runs === 0 ? null : ms);
  return {
    runs, failures, errorRatio: runs === 0 ? 0 : failures / runs, runsPerS: runs / 3600,
    p50Ms: ofRuns(typicalMs), p90Ms: ofRuns(typicalMs * 3), p95Ms: ofRuns(typicalMs * 4), p99Ms: ofRuns(typicalMs * 7), cpuP50Ms: ofRuns(typicalMs * 0.4), cpuP95Ms: ofRuns(typicalMs * 1.6),
    queueWaitP50Ms: ofRuns(waitMs / 3), queueWaitP95Ms: ofRuns(waitMs), queueWaitP99Ms: ofRuns(waitMs * 2), worstQueueWaitMs: runs === 0 ? 0 : waitMs * 4,
    wallMs: runs * typicalMs, cpuMs: runs * typicalMs * 0.4, gbSeconds: (runs * typicalMs * 0.0625) / 1000, resourceSeconds: (runs * typicalMs * 0.4625) / 1000, egressBytes: 0, tokens: 0,
  };
}

function iso(ms: number): string {
  return new Date(Math.floor(ms)).toISOString();
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)] as T;
}

function newIdOf(prefix: string, random: Random): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  return `${prefix}_01jd3v${Array.from({ length: 20 }, () => pick([...alphabet], random)).join('')}`;
}

/** Numbers that look random and are the same every time. Source: mulberry32, https://github.com/bryc/code (public domain). */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
