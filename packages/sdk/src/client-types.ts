import type {
  Agent as StoredAgent, AgentManifestInput, AgentVersion, BulkResult, ChangeScheduleRequest, CreateOrganizationRequest, CreateRunBatchRequest, CreateRunRequest,
  CreateScheduleRequest, CreatedKey, DoctorReport, DrainResult, KeyRole, KillOrder, Organization, PreviewScheduleRequest, RewrapResult, Run, RunBatch, RunFilter, RunPage, RunState, RuntimeMetrics,
  RuntimeStatus, Schedule, SchedulePage, SchedulePreview, Secret, SecretList, UpdateOrganizationRequest, Why,
} from '@bullpen/core';

import type { Fetch } from './http.ts';
import type { RunStreamItem, RunStreamOptions } from './run-stream.ts';

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

/** Every call can be called off. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface PageOptions extends CallOptions {
  cursor?: string | undefined;
  limit?: number | undefined;
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
  state?: RunState | undefined;
  agent?: string | undefined;
}

export interface BulkOptions extends CallOptions {
  /** Only count. */
  dryRun?: boolean | undefined;
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
  replayMany(filter: RunFilter, options?: BulkOptions): Promise<BulkResult>;
  /** What a waiting run waits for, in order, and an estimate. */
  why(runId: string, options?: CallOptions): Promise<Why>;
  /** What the run says, live, reconnecting by itself; see `RunStreamItem`. */
  events(runId: string, options?: RunStreamOptions): AsyncGenerator<RunStreamItem, void, undefined>;
  /** The run when it is over. */
  wait<Result = unknown>(runId: string, options?: CallOptions): Promise<RunOf<Result>>;
}

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

export interface WhoAmI {
  keyId: string;
  orgId: string | null;
  role: KeyRole;
  name: string;
}

export interface BullpenClient {
  readonly runs: RunsClient;
  readonly agents: AgentsClient;
  readonly schedules: SchedulesClient;
  /** Needs an admin key. */
  readonly organizations: {
    create(request: CreateOrganizationRequest, options?: CallOptions): Promise<Organization>;
    list(options?: PageOptions): Promise<Page<Organization>>;
    get(orgId: string, options?: CallOptions): Promise<Organization>;
    update(orgId: string, change: UpdateOrganizationRequest, options?: CallOptions): Promise<Organization>;
    /** None of its runs is started until `resume`; those that run go on. */
    pause(orgId: string, options?: CallOptions): Promise<Organization>;
    resume(orgId: string, options?: CallOptions): Promise<Organization>;
    /** Cancels what waits; a key of the organization itself will do. */
    drain(orgId: string, options?: CallOptions): Promise<DrainResult>;
  };
  readonly keys: {
    /** The answer holds the secret; it is shown this once. `orgId` is for admins. */
    create(request: { orgId?: string; name?: string }, options?: CallOptions): Promise<CreatedKey>;
  };
  /** Secrets of the organization: written, listed by name, never read back. */
  readonly secrets: {
    /** Sets it, or gives it a new value. */
    set(name: string, value: string, options?: CallOptions): Promise<Secret>;
    list(options?: CallOptions): Promise<SecretList>;
    /** SECRET_NOT_FOUND where there is none. */
    delete(name: string, options?: CallOptions): Promise<void>;
  };
  /** Needs an admin key. */
  readonly admin: {
    /** Seals every secret under the newest master key, after which older ones are not needed any more. */
    rewrapSecrets(options?: CallOptions): Promise<RewrapResult>;
    status(options?: CallOptions): Promise<RuntimeStatus>;
    metrics(options?: CallOptions & { windowMs?: number | undefined }): Promise<RuntimeMetrics>;
    /** Kills what a container executes, and the container, at once; the run's `kill` says what became of it. */
    killContainer(containerId: string, options?: CallOptions): Promise<KillOrder>;
    killRun(orgId: string, runId: string, options?: CallOptions): Promise<KillOrder>;
    /** Compares every run with every job; mends what it finds unless `repair` is false. */
    doctor(options?: CallOptions & { repair?: boolean | undefined }): Promise<DoctorReport>;
  };
  whoami(options?: CallOptions): Promise<WhoAmI>;
}
