/**
 * Named points where a test may break things: `faults.hit('after-claim')`. In production `noFaults` is passed and a hit
 * costs one call of an empty function.
 */
export interface Faults {
  hit(point: FaultPoint): Promise<void> | void;
}

export type FaultPoint =
  | 'after-row-before-job'
  | 'after-job-before-ready'
  | 'after-take'
  | 'after-claim'
  | 'after-execute'
  | 'after-record'
  | 'after-complete'
  | 'before-schedule-advance'
  | 'after-webhook-taken'
  | 'after-webhook-sent';

export const noFaults: Faults = { hit: () => undefined };
