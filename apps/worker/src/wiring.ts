import { composeServices, defined, newId, noFaults, systemClock, type Clock, type Faults, type Logger, type Service } from '@bullpen/core';
import { createDatabase, createRunStore, loadBundle, parseKeyRing, SigningSecrets, type Database } from '@bullpen/db';
import { createSchemaChecker } from '@bullpen/json-schema';
import { createMetricsCollector, createWorkerPrometheus } from '@bullpen/metrics';
import { createRunQueue, type RunQueue } from '@bullpen/queue';
import { createAgentRuntimeManager, createGuardedPost, type AgentRuntimeManager, type EgressOptions } from '@bullpen/runtime';

import { ActiveRuns } from './active-runs.ts';
import { AuthorStack } from './author-stack.ts';
import { createCanaryWatch } from './canary-watch.ts';
import { createCancelListener } from './cancel-listener.ts';
import { createAlertKeeper } from './alert-keeper.ts';
import { metricRetentionOf, type WorkerConfig } from './config.ts';
import { createFleetRecorder } from './fleet-recorder.ts';
import { createHostServices } from './host-services.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createKillListener } from './kill-listener.ts';
import { createMetricsKeeper } from './metrics-keeper.ts';
import { OrganizationPools } from './organization-pools.ts';
import { OutputCheck } from './output-check.ts';
import { ProbeServer } from './probe-server.ts';
import { Reconciler } from './reconciler.ts';
import { RecordUpkeep } from './record-upkeep.ts';
import { RunConsumer } from './run-consumer.ts';
import { RunExecutor } from './run-executor.ts';
import { RuntimeSampler } from './runtime-sampler.ts';
import { Scheduler } from './scheduler.ts';
import { VersionConcurrency } from './version-concurrency.ts';
import { WebhookDeliverer, type WebhookDelivererDeps } from './webhooks/webhook-deliverer.ts';
import { createWebhookKeeper, type WebhookKeeper } from './webhooks/webhook-keeper.ts';

/** A whole worker as one service: what `main.ts` runs, and what tests start in process. */
export interface BullpenWorker extends Service {
  readonly id: string;
  readonly db: Database;
  readonly queue: RunQueue;
  readonly runtime: AgentRuntimeManager;
  /** Where `/metrics` and `/healthz` are; null before the start. */
  probeUrl(): string | null;
}

export interface WorkerDeps {
  readonly log: Logger;
  readonly clock?: Clock;
  readonly faults?: Faults;
  /** Stands in for what the machine has: name servers, trusted certificates. */
  readonly egress?: EgressOptions;
  /** False: as on a machine where no namespaces can be made. */
  readonly namespaces?: boolean;
}

const HEARTBEAT_MS = 1000;
const FLEET_RECORD_MS = 5000;
const UPKEEP_MS = 60_000;
const SAMPLE_MS = 5000;
const CANCEL_POLL_MS = 2000;
const POOL_REFRESH_MS = 5000;
/** At most; with short leases more often, so that a lost run is found soon after its lease. */
const SWEEP_MS = 5000;

export function createWorker(config: WorkerConfig, deps: WorkerDeps): BullpenWorker {
  const { clock = systemClock, faults = noFaults } = deps;
  const id = newId('worker');
  const log = deps.log.child({ workerId: id });
  const bare = { log, clock };

  const db = createDatabase({ url: config.DATABASE_URL, applicationName: id, log });
  const store = createRunStore({ db, ...bare });
  const metrics = createMetricsCollector({ db, ...bare, onRecord: (run) => { sampler.count(run); prometheus.count(run); } });
  const queueAt = { url: config.QUEUE_URL, prefix: config.QUEUE_PREFIX, log };
  const queue = createRunQueue({ ...queueAt, clock, faults, consumer: { name: id, leaseMs: config.BULLPEN_LEASE_MS, sweepMs: Math.min(SWEEP_MS, config.BULLPEN_LEASE_MS / 2) } });
  const bus = queue.createLiveBus(id);
  const pools = new OrganizationPools(db, log, POOL_REFRESH_MS);
  const runtime = createAgentRuntimeManager({
    ...bare,
    bundles: { load: (orgId, sha256) => loadBundle(db, orgId, sha256) },
    bundleCacheDir: config.BULLPEN_CACHE_DIR,
    slots: config.BULLPEN_SLOTS,
    idleMs: config.BULLPEN_CONTAINER_IDLE_MS,
    poolMbOf: (orgId) => pools.poolMbOf(orgId),
    cpuWeightOf: (orgId) => pools.weightOf(orgId),
    services: createHostServices(db, config),
    egress: defined({ privateRanges: config.BULLPEN_EGRESS_PRIVATE_RANGES, ...deps.egress }),
    ...defined({ namespaces: deps.namespaces, maxIdleContainers: config.BULLPEN_MAX_IDLE_CONTAINERS }),
  });

  if (process.platform !== 'linux') log.warn({ platform: process.platform }, 'worker.development_only');
  const active = new ActiveRuns();
  const schemas = createSchemaChecker({ clock });
  const outputs = new OutputCheck({ db, schemas });
  const stacks = new AuthorStack({ db, log });
  const concurrency = new VersionConcurrency({ db, queue, log, random: Math.random });
  const executor = new RunExecutor({ workerId: id, store, queue, runtime, outputs, stacks, concurrency, bus, metrics, active, faults, random: Math.random, ...bare });
  const consumer = new RunConsumer({ queue, runtime, executor, active, log });
  const cancels = createCancelListener({ workerId: id, bus, db, active, log, pollMs: CANCEL_POLL_MS });
  const kills = createKillListener({ workerId: id, bus, active, runtime, log });
  const heartbeat = createHeartbeat({ workerId: id, host: config.HOSTNAME, slots: config.BULLPEN_SLOTS, everyMs: HEARTBEAT_MS, fleet: createFleetRecorder({ db, everyMs: FLEET_RECORD_MS, ...bare }), bus, runtime, active, ...bare });
  const reconciler = new Reconciler({ db, store, queue, bus, metrics, ...bare, everyMs: config.BULLPEN_RECONCILE_MS, graceMs: config.BULLPEN_RECONCILE_MS, leaseMs: config.BULLPEN_LEASE_MS });
  const upkeep = new RecordUpkeep({ db, everyMs: UPKEEP_MS, ...bare });
  const sampler = new RuntimeSampler({ workerId: id, slots: config.BULLPEN_SLOTS, everyMs: SAMPLE_MS, runtime, active, metrics, ...bare });
  const prometheus = createWorkerPrometheus({
    slots: config.BULLPEN_SLOTS,
    running: () => active.size,
    organizations: () => runtime.snapshot(),
    collector: () => ({ buffered: metrics.bufferedCount, dropped: metrics.droppedCount }),
    webhookPendingAgeMs: () => webhooks.pendingAgeMs(),
  });
  const probes = new ProbeServer({ host: config.BULLPEN_PROBE_HOST, port: config.BULLPEN_PROBE_PORT, page: prometheus, log });
  const keeper = createMetricsKeeper({ db, ...bare, retainDays: metricRetentionOf(config) });
  const alerts = createAlertKeeper({ db, ...bare });
  const webhooks = openWebhooks(config, deps, { db, workerId: id, log, clock, faults, count: prometheus.countDelivery });
  const canaries = createCanaryWatch({ db, ...bare, everyMs: config.BULLPEN_CANARY_MS });
  const scheduler = new Scheduler({ db, store, queue, faults, ...bare });

  // Started from the record outwards; stopped from the consumer inwards, so that whatever ends can still be recorded.
  const all = composeServices([db, store, schemas, metrics, queue, bus, pools, runtime, cancels, kills, heartbeat, probes, sampler.service, keeper, alerts, webhooks, reconciler.service, upkeep.service, canaries, scheduler, consumer]);
  return { id, db, queue, runtime, probeUrl: () => probes.url(), start: all.start, quiesce: all.quiesce, stop: all.stop };
}

const DELIVERY_TIMEOUT_MS = 15_000;
const DELIVERY_EXCERPT_BYTES = 1024;

type WebhookParts = Pick<WebhookDelivererDeps, 'db' | 'log' | 'clock' | 'faults' | 'count'> & { workerId: string };

function openWebhooks(config: WorkerConfig, { egress }: WorkerDeps, parts: WebhookParts): WebhookKeeper {
  const { db, workerId, ...bare } = parts;
  const keyText = config.BULLPEN_SECRETS_KEY ?? config.BULLPEN_SECRETS_KEY_FILE;
  const secrets = new SigningSecrets({ db, keys: keyText === undefined ? null : parseKeyRing(keyText) });
  const post = createGuardedPost({
    ...defined({ privateRanges: config.BULLPEN_WEBHOOK_PRIVATE_RANGES, resolve: egress?.resolve, ca: egress?.ca }), timeoutMs: DELIVERY_TIMEOUT_MS, excerptBytes: DELIVERY_EXCERPT_BYTES,
  });
  const deliverer = new WebhookDeliverer({ db, secrets, post, random: Math.random, ...bare });
  return createWebhookKeeper({ db, deliverer, secrets, workerId, mostPending: config.BULLPEN_WEBHOOK_MAX_PENDING, count: bare.count, queue: { url: config.QUEUE_URL, prefix: config.QUEUE_PREFIX }, clock: bare.clock, log: bare.log });
}
