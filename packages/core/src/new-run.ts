import type { AttemptLimits } from './limit-schemas.ts';
import type { RetryBackoff } from './limits.ts';
import type { Tier } from './tier.ts';

/** A run as it was accepted: every limit resolved, the input as JSON text that was checked to be storable. */
export interface NewRun {
  id: string;
  orgId: string;
  agent: string;
  version: number;
  versionId: string;
  tier: Tier;
  timeoutMs: number;
  memoryMb: number;
  limits: AttemptLimits;
  maxAttempts: number;
  backoff: RetryBackoff;
  inputJson: string;
  metadata: Record<string, string>;
  /** None where left out. */
  tags?: readonly string[];
  priority: number;
  fairnessKey: string | null;
  /** Counted from now, a delay included; null: it never expires. */
  ttlMs: number | null;
  /** 0: a worker may take it at once. */
  delayMs: number;
  idempotencyKey: string | null;
  /** Given exactly when there is a key. */
  requestHash: string | null;
  /**
   * Left out: the version is what it is. Else it was taken because of a deployment (null: `production`, or the newest version where
   * there is no such deployment) as that was last seen, and the run is written only where that still leads to it.
   */
  assumed?: { readonly deployment: string | null };
  /** W3C trace context of the request; left out where there is none. */
  traceparent?: string | null;
}

/** One run per organization and key; the hash says whether a second request with the key is the same one. */
export interface Idempotency {
  key: string;
  requestHash: string;
}
