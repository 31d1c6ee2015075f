import type { AttemptLimits, AttemptOutcome, BullpenError, ContainerDeath, ContainerSnapshot, ContainerState, EgressManifest, RunEvent, Tier } from '@bullpen/core';

/** One attempt, as the worker hands it to the runtime. */
export interface AttemptRequest {
  readonly orgId: string;
  readonly runId: string;
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly agent: string;
  readonly version: number;
  /** Of the bundle. */
  readonly sha256: string;
  readonly tier: Tier;
  /** JSON text, at most `SIZE_CAPS.inputBytes`. */
  readonly inputJson: string;
  /** Hard wall-clock limit: of loading the bundle and of the call, not of starting a container. */
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Beside time and memory; what is left out is not limited for this run. */
  readonly limits: AttemptLimits;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names of the secrets that the version declares: `ctx.secrets` gives these and no others. */
  readonly secrets?: readonly string[];
  /** Where the version may connect to; nowhere where left out. */
  readonly egress?: EgressManifest;
  /** W3C trace context that the agent's own requests are children of; left out where there is none. */
  readonly traceparent?: string | null;
}

/** Where an attempt's events go, in order; every one arrives before `execute` resolves. Its calls must not throw. */
export interface AttemptSink {
  /** The agent's function was called, or is about to be: told before what it says, and of one that runs on within some 50 ms. @param atMs - wall clock */
  started(atMs: number): void;
  event(event: RunEvent): void;
}

/** How an agent reaches the egress proxy with a client of its own. */
export interface EgressAccess {
  readonly socketPath: string;
  /** For `Proxy-Authorization: Bearer TOKEN`; worth nothing once the attempt is over. */
  readonly token: string;
}

/** What an agent may ask of the supervisor while its attempt runs; the container only carries it. */
export interface AttemptHost {
  /**
   * Answers one call with JSON.
   * @param signal - aborted when the attempt is over
   * @throws BullpenError what the agent is told
   */
  call(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  /** Told once the attempt passed a limit that its container does not measure, such as that of egress: it must end. */
  onLimit(listener: (error: BullpenError) => void): void;
}

/** What a container is asked to do: an attempt whose bundle lies on disk. */
export interface ContainerTask {
  readonly attempt: AttemptRequest;
  readonly bundleUrl: string;
  readonly sink: AttemptSink;
  readonly host: AttemptHost;
  /** The unix socket of the egress proxy and the attempt's token for it; left out where the version may connect nowhere. */
  readonly egressProxy?: EgressAccess;
  /** Aborted with an `InterruptReason`. */
  readonly interrupt: AbortSignal;
}

/**
 * One isolated execution environment, bound to one organization for life. The seam of the tiers: whatever wall stands
 * around it, the manager sees this.
 */
export interface RuntimeContainer {
  readonly id: string;
  readonly orgId: string;
  readonly tier: Tier;
  readonly limitMb: number;
  readonly state: ContainerState;
  /** Why it was ended, as soon as that is decided. */
  readonly death: ContainerDeath | null;
  /** Settles when nothing of the container is left; never rejects. */
  readonly gone: Promise<void>;
  /** Whether the bundle was loaded here before. */
  hasWarm(sha256: string): boolean;
  /** Resolves in state `warm`; rejects with CONTAINER_CRASHED where it could not start, and is then dead. */
  start(): Promise<void>;
  /** True once the attempt before left nothing behind; false when the container is on its way out. */
  settled(): Promise<boolean>;
  /** Runs one attempt at a time, only in state `warm`. Never rejects. */
  execute(task: ContainerTask): Promise<AttemptOutcome>;
  /** Ends the container, whatever it does; resolves when it is gone. The first reason stays. */
  kill(death: ContainerDeath): Promise<void>;
  /** Without what only its organization knows. */
  snapshot(): Omit<ContainerSnapshot, 'reserveMb'>;
}

export interface ContainerPlan {
  readonly orgId: string;
  readonly limitMb: number;
  /** For one attempt, and beside no other container of its organization. */
  readonly isAlone: boolean;
}

/** Makes a container without starting it. */
export interface ContainerFactory {
  (plan: ContainerPlan): RuntimeContainer;
  /** Whether an attempt must have a container of its own, because it may take others with it; where left out, never. */
  readonly mustRunAlone?: (attempt: AttemptRequest) => boolean;
}

/** The tiers that can be built. A tier that is missing here is refused with TIER_UNAVAILABLE, never weakened. */
export type TierDrivers = Readonly<Partial<Record<Tier, ContainerFactory>>>;
