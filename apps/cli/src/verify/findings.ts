/** What a check came to, with its evidence: figures and the runs that anybody can look up. */
export interface Finding {
  passed: boolean;
  /** One line: what was seen, or why it is not so. */
  said: string;
  runIds?: readonly string[];
  figures?: Readonly<Record<string, number | string>>;
}

/** A finding under the name of its check, as `bullpen verify` reports it. */
export interface CheckReport {
  check: string;
  status: 'passed' | 'failed' | 'not_tried';
  said: string;
  runIds: readonly string[];
  figures: Readonly<Record<string, number | string>>;
  tookMs: number;
}

export const held = (said: string, evidence: Omit<Finding, 'passed' | 'said'> = {}): Finding => ({ passed: true, said, ...evidence });

export const broken = (said: string, evidence: Omit<Finding, 'passed' | 'said'> = {}): Finding => ({ passed: false, said, ...evidence });
