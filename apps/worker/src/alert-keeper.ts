import { composeServices, type Clock, type Logger, type Service } from '@bullpen/core';
import { adminForgetAlerts, type Database } from '@bullpen/db';
import { evaluateAlerts } from '@bullpen/metrics';

import { periodic } from './periodic.ts';

const EVALUATE_MS = 15_000;
const FORGET_MS = 3_600_000;
const RETAIN_MS = 30 * 86_400_000;

/** Evaluates alert rules. In every worker: one of them evaluates at a time. */
export function createAlertKeeper(deps: { db: Database; clock: Clock; log: Logger }): Service {
  const { db, clock, log } = deps;
  return composeServices([
    periodic('alerts-evaluate', EVALUATE_MS, log, async () => { await evaluateAlerts(deps); }),
    periodic('alerts-forget', FORGET_MS, log, () => adminForgetAlerts(db, clock.nowMs() - RETAIN_MS)),
  ]);
}
