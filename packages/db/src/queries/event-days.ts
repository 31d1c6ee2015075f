import { timeOfId } from '@bullpen/core';

/** How far a worker's clock may be behind that of the process which made the run's id. */
const CLOCKS_APART_MS = 24 * 60 * 60 * 1000;

/**
 * The earliest time that an event of the run is kept under, ms since the epoch; its id names the day it was made on. A
 * reader looks at no partition before it, so an event of a clock that is further behind is kept under this time.
 */
export function earliestEventMs(runId: string): number {
  return (timeOfId('run', runId) ?? CLOCKS_APART_MS) - CLOCKS_APART_MS;
}
