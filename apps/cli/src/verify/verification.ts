import { TIERS, errorCodeOf, messageOf } from '@bullpen/core';

import { checkAggregation, checkCollection, checkHealth } from './figure-checks.ts';
import { broken, held, type CheckReport, type Finding } from './findings.ts';
import { checkMemory, checkTimeout } from './limit-checks.ts';
import { checkLoad } from './load-check.ts';
import { checkCreation, checkSecrets, checkSeparation, checkSystem } from './organization-checks.ts';
import { TestBed, type TestBedDeps } from './test-bed.ts';
import { checkWalls, checkWorkers } from './wall-checks.ts';

interface Check {
  readonly name: string;
  run(bed: TestBed): Promise<Finding>;
  /** Where this one fails the others cannot be tried. */
  readonly isGround?: true;
}

export interface VerifyOptions {
  /** Runs of one organization at once. */
  runs: number;
  onStart(check: string, done: number, of: number): void;
  /** Within the check that has started, 0 to 1. */
  onProgress(fraction: number): void;
  onReport(report: CheckReport): void;
}

export interface Verification {
  passed: boolean;
  interrupted: boolean;
  checks: CheckReport[];
}

function allChecks({ runs, onProgress }: VerifyOptions): Check[] {
  return [
    { name: 'workers are connected', run: checkSystem, isGround: true },
    { name: 'organizations are created', run: checkCreation, isGround: true },
    { name: 'organizations are kept apart', run: checkSeparation },
    { name: 'secrets are kept apart', run: checkSecrets },
    ...TIERS.map((tier) => ({ name: `walls, ${tier}`, run: checkWalls(tier) })),
    { name: 'walls, every worker', run: checkWorkers },
    ...TIERS.map((tier) => ({ name: `memory limit, ${tier}`, run: checkMemory(tier) })),
    ...TIERS.map((tier) => ({ name: `timeout, ${tier}`, run: checkTimeout(tier) })),
    { name: `${runs} runs at once`, run: checkLoad(runs, onProgress) },
    { name: 'metrics are collected', run: checkCollection },
    { name: 'metrics are aggregated', run: checkAggregation },
    { name: 'health is scored', run: checkHealth },
  ];
}

/**
 * Tries a running system from outside, check by check, on organizations made for it, and removes them whatever happens: a
 * check that fails, an interrupt, an API that goes away. A check that throws has failed, with what it threw as the reason.
 */
export async function verify(deps: TestBedDeps, options: VerifyOptions): Promise<Verification> {
  const bed = new TestBed(deps);
  const checks: CheckReport[] = [];
  const report = (one: CheckReport): void => { checks.push(one); options.onReport(one); };
  const all = allChecks(options);
  let missing: string | null = null;
  try {
    for (const [index, check] of all.entries()) {
      if (deps.signal.aborted) missing ??= 'interrupted';
      if (missing === null) {
        options.onStart(check.name, index, all.length + 1);
        report(await tryCheck(check, bed));
        if (check.isGround && checks.at(-1)?.status === 'failed') missing = `there is nothing to try it on: ${check.name} did not hold`;
      } else report({ check: check.name, status: 'not_tried', said: missing, runIds: [], figures: {}, tookMs: 0 });
    }
  } finally {
    options.onStart('cleaned up', all.length, all.length + 1);
    report(await timed('cleaned up', deps.nowMs, () => cleanUp(bed)));
  }
  return { passed: checks.every(({ status }) => status === 'passed'), interrupted: deps.signal.aborted, checks };
}

async function tryCheck(check: Check, bed: TestBed): Promise<CheckReport> {
  const report = await timed(check.name, bed.deps.nowMs, () => check.run(bed));
  return bed.deps.signal.aborted && report.status === 'failed' ? { ...report, status: 'not_tried', said: 'interrupted' } : report;
}

async function timed(name: string, nowMs: () => number, act: () => Promise<Finding>): Promise<CheckReport> {
  const beganMs = nowMs();
  const { passed, said, runIds = [], figures = {} } = await act().catch((error: unknown) => broken(`${messageOf(error)} (${errorCodeOf(error) ?? 'INTERNAL'})`));
  return { check: name, status: passed ? 'passed' : 'failed', said, runIds, figures, tookMs: nowMs() - beganMs };
}

async function cleanUp(bed: TestBed): Promise<Finding> {
  const { rows, deleted, left } = await bed.tearDown();
  const figures = { organizations: deleted.length, rows };
  if (left.length > 0) return broken(left.map(({ orgId, why }) => `${orgId} is still there (${why}): npx bullpen orgs delete ${orgId} --yes`).join('; '), { figures });
  return held(deleted.length === 0 ? 'nothing had been made' : `${deleted.length} organizations with ${rows} rows are gone`, { figures });
}
