/** A run that this process holds until it completes it, delays it, gives it back, or loses its lease. */
export interface TakenRun {
  readonly orgId: string;
  readonly runId: string;
  /** What a worker must reserve before it executes the run. */
  readonly memoryMb: number;
  /** Whose average cost was charged. */
  readonly agent?: string;
  readonly version?: number;
  /** It was handed out before: to a worker that lost it, before a retry, or before it was given back. */
  readonly redelivered: boolean;
  /** Proves to the queue that the holder is still the holder. Private to this package. */
  readonly leaseToken: string;
}

/** Tells apart what one process holds: runs that follow one another share a token, one run taken twice does not. */
export function leaseIdOf({ leaseToken, runId }: Pick<TakenRun, 'leaseToken' | 'runId'>): string {
  return `${leaseToken}:${runId}`;
}
