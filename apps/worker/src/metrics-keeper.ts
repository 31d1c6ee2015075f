import type { Clock, Logger, Service } from '@bullpen/core';
import { composeServices } from '@bullpen/core';
import { adminKeepMetricPartitions, adminRollUpRunMetrics, type Database, type MetricRetention } from '@bullpen/db';

import { periodic } from './periodic.ts';

const AHEAD_DAYS = 3;
const ROLL_UP_MS = 10_000;
const PARTITIONS_MS = 3_600_000;

/**
 * Rolls the time series up, and makes and drops their partitions. In every worker: what one of them is at, the others leave
 * alone, and each step may be broken off and repeated.
 */
export function createMetricsKeeper({ db, clock, log, retainDays }: { db: Database; clock: Clock; log: Logger; retainDays: MetricRetention }): Service {
  const keepPartitions = () => adminKeepMetricPartitions(db, clock.nowMs(), AHEAD_DAYS, retainDays);
  const atStart: Service = {
    async start() {
      // Late is well enough: whoever writes into a day without a partition makes it.
      await keepPartitions().catch((error: unknown) => log.warn({ err: error }, 'metrics.partitions_not_kept'));
    },
    async quiesce() {},
    async stop() {},
  };
  return composeServices([
    atStart,
    periodic('metrics-rollup', ROLL_UP_MS, log, () => adminRollUpRunMetrics(db, clock.nowMs())),
    periodic('metrics-partitions', PARTITIONS_MS, log, keepPartitions),
  ]);
}
