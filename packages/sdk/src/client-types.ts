import type {
  Agent as StoredAgent, Alert, AlertRule, AlertSilence, CreateAlertRuleRequest, CreateSilenceRequest, CreatedAlertRule, UsageQueryInput, UsageReport, AgentManifestInput, AgentVersion, ApiKey, AuditEntry, BulkResult, CanaryHealth, ChangeScheduleRequest, CreateKeyRequest,
  CreateOrganizationRequest, CreateRunBatchRequest, CreateRunRequest, CreateScheduleRequest, CreatedKey, DeletedOrganization, Deployment,
  DoctorReport, DrainResult, KeyRole, KillOrder, LogLevel, MetricGrouping, Organization, PreviewScheduleRequest, PutDeploymentRequest, RewrapResult,
  RotateKeyRequest, Run, RunBatch, RunFilter, RunLogs, RunPage, RunState, RuntimeMetrics, RuntimeStatus, Schedule, SchedulePage, SchedulePreview,
  Secret, SecretList, UpdateOrganizationRequest, WebhookBoard, WebhookDelivery, Why,
} from '@bullpen/core';

import type { CallOptions, PageOptions } from './call-options.ts';
import type { Fetch } from './http.ts';
import type { RunStreamItem, RunStreamOptions } from './run-stream.ts';
import type { TriggersClient, WebhooksClient } from './webhooks-client-types.ts';

export type { CallOptions, PageOptions };

export interface ClientOptions {
  /** Where the API listens, for example `http://127.0.0.1:3000`. */
  baseUrl: string;
  apiKey?: string;
  /** The organization to act for, with an admin key; every other key has its own. */
  org?: string;
  /** `globalThis.fetch` where left out. */
  fetch?: Fetch;
  /** How long one request may take before it counts as not answered; 30 s where left out. */
  timeoutMs?: number;
  /** How often a request that is safe to repeat is repeated when it gets no answer or a 503; 3 where left out. */
  retries?: number;
}

/** A page, newest first; `nextCursor` is null on the last one. */
export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** A run whose result has a known type; null until it succeeded. */
export type RunOf<Result> = Omit<Run, 'result'> & { result: Result | null };

export interface CreateRunOptions extends CallOptions {
  /** Answer when the run is over, or after this long: `30s`, `1500ms`, `1m` or milliseconds; at most a minute. */
  wait?: string | number | undefined;
  /** One made up for this call where left out, so that the call's own retries never make a second run. */
  idempotencyKey?: string | undefined;
}

export interface ListRunsOptions extends PageOptions {
  /** One of these. */
  state?: RunState | readonly RunState[] | undefined;
  agent?: string | undefined;
  version?: number | undefined;
  /** All of these. */
  tag?: string | readonly string[] | undefined;
  errorCode?: string | undefined;
  fairnessKey?: string | undefined;
  /** All of these must be among the run's. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** ISO 8601. */
  queuedAfter?: string | undefined;
  queuedBefore?: string | undefined;
}

export interface ListLogsOptions extends CallOptions {
  /** Only lines with a higher `seq`. */
  after?: number | undefined;
  /** From this level up. */
  level?: LogLevel | undefined;
  limit?: number | undefined;
}

export interface BulkOptions extends CallOptions {
  /** Only count. */
  dryRun?: boolean | undefined;
  /** So many at most, the newest first; 10,000 where left out. */
  limit?: number | undefined;
}

export interface BulkReplayOptions extends BulkOptions {
  /** Also runs that were replayed before. */
  again?: boolean | undefined;
}

export interface RunsClient {
  create<Result = unknown>(request: CreateRunRequest, options?: CreateRunOptions): Promise<RunOf<Result>>;
  /** Up to 1,000 runs: all of them, or none. */
  createBatch(runs: CreateRunBatchRequest['runs'], options?: CallOptions & { idempotencyKey?: string | undefined }): Promise<RunBatch>;
  get<Result = unknown>(runId: string, options?: CallOptions): Promise<RunOf<Result>>;
  list(options?: ListRunsOptions): Promise<RunPage>;
  /** RUN_ALREADY_FINISHED where it is over. A running run stops soon after; `events` tells when. */
  cancel(runId: string, options?: CallOptions): Promise<Run>;
  /** Every run that matches and has not ended; the first hundred ids come back. */
  cancelMany(filter: RunFilter, options?: BulkOptions): Promise<BulkResult>;
  /** A run that has ended once more, as a new run. */
  replay(runId: string, options?: CallOptions): Promise<Run>;
  /** Every run that matches and has ended, once: what was replayed before is left out, so that the call may be repeated. */
  replayMany(filter: RunFilter, options?: BulkReplayOptions): Promise<BulkResult>;
  /** What a waiting run waits for, in order, and an estimate. */
  why(runId: string, options?: CallOptions): Promise<Why>;
  /** What the run says, live, reconnecting by itself; see `RunStreamItem`. */
  events(runId: string, options?: RunStreamOptions): AsyncGenerator<RunStreamItem, void, undefined>;
  /** Its log lines, oldest first, a page at a time. */
  logs(runId: string, options?: ListLogsOptions): Promise<RunLogs>;
  /** The result and nothing else. RUN_NOT_FINISHED where it is not over, NOT_FOUND where it has none. */
  result<Result = unknown>(runId: string, options?: CallOptions): Promise<Result>;
  /** The run when it is over. RUN_NOT_FINISHED where `timeoutMs` passed first. */
  wait<Result = unknown>(runId: string, options?: WaitOptions): Promise<RunOf<Result>>;
  /** Creates a run, and gives what follows it. */
  start<Result = unknown>(request: CreateRunRequest, options?: Omit<CreateRunOptions, 'wait'>): Promise<RunHandle<Result>>;
}

export interface WaitOptions extends CallOptions {
  /** Without an end where left out. */
  timeoutMs?: number | undefined;
}

/** One run. Iterating over it is `stream()`. */
export interface RunHandle<Result = unknown> extends AsyncIterable<RunStreamItem> {
  readonly id: string;
  /** What it says, live, each event once, reconnecting by itself. */
  stream(options?: RunStreamOptions): AsyncGenerator<RunStreamItem, void, undefined>;
  wait(options?: WaitOptions): Promise<RunOf<Result>>;
  get(call?: CallOptions): Promise<RunOf<Result>>;
  result(call?: CallOptions): Promise<Result>;
  logs(options?: ListLogsOptions): Promise<RunLogs>;
  why(call?: CallOptions): Promise<Why>;
  cancel(call?: CallOptions): Promise<Run>;
  replay(call?: CallOptions): Promise<Run>;
}

export interface ListAlertsOptions extends CallOptions {
  /** `open` where left out. */
  state?: 'open' | 'resolved' | 'all' | undefined;
  limit?: number | undefined;
}

/** What is wrong, and the rules that say so. */
export interface AlertsClient {
  list(options?: ListAlertsOptions): Promise<{ items: Alert[] }>;
  /** Says that somebody looks into it. */
  acknowledge(alertId: string, request?: { by?: string }, call?: CallOptions): Promise<Alert>;
  readonly rules: {
    list(call?: CallOptions): Promise<{ items: AlertRule[] }>;
    /** The answer holds the secret that deliveries are signed with; it is shown this once. */
    create(request: CreateAlertRuleRequest, call?: CallOptions): Promise<CreatedAlertRule>;
    enable(ruleId: string, enabled: boolean, call?: CallOptions): Promise<AlertRule>;
    delete(ruleId: string, call?: CallOptions): Promise<void>;
  };
  /** Nothing is delivered of what a silence covers. */
  readonly silences: {
    list(call?: CallOptions): Promise<{ items: AlertSilence[] }>;
    create(request: CreateSilenceRequest, call?: CallOptions): Promise<AlertSilence>;
    delete(silenceId: string, call?: CallOptions): Promise<void>;
  };
}

export interface UsageOptions extends UsageQueryInput, CallOptions {}

export interface DeployRequest {
  /** One ES module as text whose default export is the agent. */
  bundle: string;
  manifest?: AgentManifestInput;
  /** Of the bundle's UTF-8 bytes; checked by the API where given. */
  sha256?: string;
}

/** `created` is false when the newest version was the same already. */
export interface DeployedVersion {
  version: AgentVersion;
  created: boolean;
}

export interface AgentsClient {
  list(options?: PageOptions): Promise<Page<StoredAgent>>;
  deploy(agent: string, request: DeployRequest, options?: CallOptions): Promise<DeployedVersion>;
  versions(agent: string, options?: PageOptions): Promise<Page<AgentVersion>>;
}

/** Which version runs take. */
export interface DeploymentsClient {
  list(agent: string, options?: PageOptions): Promise<Page<Deployment>>;
  get(agent: string, deployment: string, options?: CallOptions): Promise<Deployment>;
  /** Makes it, or points it elsewhere. */
  put(agent: string, deployment: string, request: PutDeploymentRequest, options?: CallOptions): Promise<Deployment>;
  /** Out of a canary, else to the stable version before, else to `version`. */
  rollBack(agent: string, deployment: string, request?: { version?: number }, options?: CallOptions): Promise<Deployment>;
  /** How a canary compares with the stable version. */
  health(agent: string, deployment: string, options?: CallOptions): Promise<CanaryHealth>;
  delete(agent: string, deployment: string, options?: CallOptions): Promise<void>;
}

export interface KeysClient {
  /** The answer holds the secret; it is shown this once. `orgId` is for admins. */
  create(request: CreateKeyRequest, options?: CallOptions): Promise<CreatedKey>;
  list(options?: PageOptions): Promise<Page<ApiKey>>;
  get(keyId: string, options?: CallOptions): Promise<ApiKey>;
  /** A new secret; the old one works for `overlapMs` beside it. */
  rotate(keyId: string, request?: RotateKeyRequest, options?: CallOptions): Promise<CreatedKey>;
  revoke(keyId: string, options?: CallOptions): Promise<ApiKey>;
}

export interface SchedulesClient {
  create(request: CreateScheduleRequest, options?: CallOptions): Promise<Schedule>;
  list(options?: PageOptions): Promise<SchedulePage>;
  get(name: string, options?: CallOptions): Promise<Schedule>;
  update(name: string, change: ChangeScheduleRequest, options?: CallOptions): Promise<Schedule>;
  pause(name: string, options?: CallOptions): Promise<Schedule>;
  resume(name: string, options?: CallOptions): Promise<Schedule>;
  delete(name: string, options?: CallOptions): Promise<void>;
  /** The next times of one that there is. */
  next(name: string, options?: CallOptions & { count?: number | undefined }): Promise<SchedulePreview>;
  /** The next times of one that there is not. */
  preview(request: PreviewScheduleRequest, options?: CallOptions): Promise<SchedulePreview>;
}

export interface ListAuditOptions extends PageOptions {
  action?: string | undefined;
  target?: string | undefined;
  keyId?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

export interface RuntimeMetricsOptions extends CallOptions {
  windowMs?: number | undefined;
  stepMs?: number | undefined;
  groupBy?: MetricGrouping | undefined;
  /** Of one organization only. */
  orgId?: string | undefined;
  /** Groups listed. */
  limit?: number | undefined;
}

export interface WhoAmI {
  keyId: string;
  orgId: string | null;
  role: KeyRole;
  name: string;
}

export interface BullpenClient {
  readonly runs: RunsClient;
  /** What can be done with one run. */
  run<Result = unknown>(runId: string): RunHandle<Result>;
  /** The run when it is over: `runs.wait`. */
  waitForRun<Result = unknown>(runId: string, options?: WaitOptions): Promise<RunOf<Result>>;
  readonly alerts: AlertsClient;
  /** What the organization has used, over time and by group. */
  usage(options?: UsageOptions): Promise<UsageReport>;
  /** Of the API process that answers; no key is needed. */
  readonly health: {
    alive(call?: CallOptions): Promise<void>;
    /** SERVICE_UNAVAILABLE or SHUTTING_DOWN where it is not. */
    ready(call?: CallOptions): Promise<void>;
  };
  readonly agents: AgentsClient;
  readonly schedules: SchedulesClient;
  /** Needs an admin key. */
  readonly organizations: {
    create(request: CreateOrganizationRequest, options?: CallOptions): Promise<Organization>;
    list(options?: PageOptions): Promise<Page<Organization>>;
    /** All it has, as lines of JSON: `{ table, row }` each, and at the end `{ end: true, rows }`; without that line it is not whole. */
    export(orgId: string, options?: CallOptions): Promise<ReadableStream<Uint8Array>>;
    /** Deletes it with all it has: rows, keys, queue. */
    delete(orgId: string, options?: CallOptions): Promise<DeletedOrganization>;
    get(orgId: string, options?: CallOptions): Promise<Organization>;
    update(orgId: string, change: UpdateOrganizationRequest, options?: CallOptions): Promise<Organization>;
    /** None of its runs is started until `resume`; those that run go on. */
    pause(orgId: string, options?: CallOptions): Promise<Organization>;
    resume(orgId: string, options?: CallOptions): Promise<Organization>;
    /** Cancels what waits; a key of the organization itself will do. */
    drain(orgId: string, options?: CallOptions): Promise<DrainResult>;
  };
  readonly deployments: DeploymentsClient;
  readonly keys: KeysClient;
  readonly audit: {
    /** What was written to the organization and by which key, newest first. */
    list(options?: ListAuditOptions): Promise<Page<AuditEntry>>;
  };
  /** Secrets of the organization: written, listed by name, never read back. */
  readonly secrets: {
    /** Sets it, or gives it a new value. */
    set(name: string, value: string, options?: CallOptions): Promise<Secret>;
    list(options?: CallOptions): Promise<SecretList>;
    /** SECRET_NOT_FOUND where there is none. */
    delete(name: string, options?: CallOptions): Promise<void>;
  };
  readonly webhooks: WebhooksClient;
  readonly triggers: TriggersClient;
  /** Needs an admin key. */
  readonly admin: {
    /** Seals every secret under the newest master key, after which older ones are not needed any more. */
    rewrapSecrets(options?: CallOptions): Promise<RewrapResult>;
    status(options?: CallOptions): Promise<RuntimeStatus>;
    readonly audit: { list(options?: ListAuditOptions): Promise<Page<AuditEntry>> };
    /** Those of the platform, of whatever organization. */
    readonly alerts: AlertsClient;
    cancelRun(orgId: string, runId: string, options?: CallOptions): Promise<Run>;
    /** Figures of all organizations, or of one, over a window that ends now. */
    metrics(options?: RuntimeMetricsOptions): Promise<RuntimeMetrics>;
    /** Kills what a container executes, and the container, at once; the run's `kill` says what became of it. */
    killContainer(containerId: string, options?: CallOptions): Promise<KillOrder>;
    killRun(orgId: string, runId: string, options?: CallOptions): Promise<KillOrder>;
    /** Webhooks of all organizations, and what did not arrive. */
    webhooks(options?: CallOptions): Promise<WebhookBoard>;
    /** Sends a delivery of any organization again. */
    replayDelivery(deliveryId: string, options?: CallOptions): Promise<WebhookDelivery>;
    /** Compares every run with every job; mends what it finds unless `repair` is false. */
    doctor(options?: CallOptions & { repair?: boolean | undefined }): Promise<DoctorReport>;
  };
  whoami(options?: CallOptions): Promise<WhoAmI>;
}
