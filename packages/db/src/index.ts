/** Postgres: schema, migrations, queries by intent, and the grouped writer of runs. */
export { createDatabase, type Database, type DatabaseOptions } from './database.ts';
export type { Statements } from './tenant-lanes.ts';
export { migrate, migrationScript, readMigrations, type MigrationFile } from './migrate.ts';
export { createRunStore, type RunStore, type RunStoreDeps } from './run-store.ts';
export { VersionMovedError, findRunOfKey } from './run-store-insert.ts';
export {
  MAX_REDELIVERIES, firstEventSeq,
  type CancelResult, type ClaimResult, type ClaimWrite, type ClaimedRun, type EventsWrite, type FinishWrite, type InsertResult,
  type LeasedWrite, type NewRun, type ReleaseWrite, type RetryWrite, type RunRef,
} from './run-writes.ts';

export {
  addRunMetrics, forgetMetricWriters, makeMetricPartitions, type RunMetricsBatch, type RunMetricsCell, type RunSums, type StoredHistogram,
} from './queries/add-run-metrics.ts';
export {
  METRIC_GROUPS, readRunHistograms, readRunRows, readRunSums,
  type HistogramRow, type MetricGroup, type MetricSegment, type MetricSelection, type MetricsWindow, type RunSumsRow,
} from './queries/read-run-metrics.ts';
export { createAgentVersion, type NewAgentVersion } from './queries/create-agent-version.ts';
export { createOrganization, getOrganization, updateOrganization, type NewOrganization, type OrganizationChange } from './queries/organizations.ts';
export { getRun } from './queries/get-run.ts';
export { getApiKey, insertApiKey, listApiKeys, revokeApiKey, rotateApiKey, type NewApiKey } from './queries/api-keys.ts';
export { insertAuditEntries, listAuditEntries } from './queries/audit-log.ts';
export { createAuditWriter, type AuditWriter } from './audit-writer.ts';
export {
  beginIdempotentRequest, dropIdempotentRequest, keepIdempotentAnswer, type IdempotentBegin, type IdempotentRef, type IdempotentStanding,
} from './queries/idempotent-requests.ts';
export { takeRate, type RateTake } from './queries/take-rate.ts';
export { listAgents, listVersions, type Page, type PageRequest } from './queries/list-agents.ts';
export { listRunEvents } from './queries/list-run-events.ts';
export { listRuns } from './queries/list-runs.ts';
export { deleteEntry, getEntry, listEntries, setEntry, type EntryOwner } from './queries/agent-entries.ts';
export { loadBundle } from './queries/load-bundle.ts';
export { resolveVersion } from './queries/resolve-version.ts';
export { resolveRunVersion, resolveRunVersions, type ResolvedVersion, type WantedOfOrganization, type WantedVersion } from './queries/resolve-run-version.ts';
export {
  deleteDeployment, getDeployment, listDeployments, putDeployment, rollBackDeployment, type DeploymentRef,
} from './queries/deployments.ts';
export { sampleVersions } from './queries/sample-versions.ts';
export { listRunLogs } from './queries/list-run-logs.ts';
export { adminListCanaries, adminNoteCanaryLook, adminRollBackCanary, type WatchedDeployment } from './admin/canaries.ts';
export { changeSchedule, deleteSchedule, insertSchedule, type ScheduleSettings } from './queries/schedules-write.ts';
export { countSchedules, getSchedule, listSchedules } from './queries/schedules-read.ts';

export { adminFindKeyByHash, adminTouchKey, type KeyHolder } from './admin/api-keys.ts';
export { adminEnterVersion, adminListTurnedAway, type VersionEntry } from './admin/enter-version.ts';
export { adminForgetRequests } from './admin/request-housekeeping.ts';
export { adminListOrganizations } from './admin/organizations.ts';
export {
  ROLLUP_STEPS, adminKeepMetricPartitions, adminReadRollupProgress, adminRollUpRunMetrics, type MetricRetention, type RollupStep,
} from './admin/roll-up.ts';
export {
  adminExpireDueRuns, adminListCancelRequested, adminListRecentRuns, adminListRunningRuns, adminListWaitingRuns,
  type ExpiredRun, type RunningRun, type WaitingRun,
} from './admin/runs.ts';
export { adminReadRunStates } from './admin/run-states.ts';
export {
  adminAdvanceSchedules, adminClaimDueSchedules, adminNextScheduleTime, adminReleaseSchedule,
  type ClaimedSchedule, type ScheduleAdvance, type ScheduleWakeUp,
} from './admin/schedules.ts';

export { adminRecordWorker } from './admin/fleet.ts';
export {
  adminBeginDeletion, adminCountOpenRuns, adminDeleteKeys, adminPurgeOrganization, exportOrganization, type ExportedRow,
} from './admin/purge.ts';
export {
  adminClaimRetention, adminClosePartitions, adminDeleteOldRows, adminDropEventPartitions, adminFindLostWorkers, adminForgetFleet, adminMakeEventPartitions,
  adminReleaseRetention, adminRunsNeedingCare, type RetentionTurn, type StandingRun,
} from './admin/upkeep.ts';

export {
  adminReadContainerFaults, adminReadDisabledWebhooks, adminReadHeartbeatAges, adminReadKills, adminReadLargestHolder, adminReadPoolSaturation, adminReadStarved,
  type Holder, type MeasuredSubject, type StarvedOrganization,
} from './admin/alert-facts.ts';
export {
  acknowledgeAlert, deleteAlertRule, deleteAlertSilence, enableAlertRule, insertAlertRule, insertAlertSilence, listAlertRules, listAlertSilences, listAlerts,
  type AlertOwner, type RuleWebhook,
} from './queries/alerts.ts';
export {
  adminEvaluateAlerts, adminForgetAlerts,
  type ActiveSilence, type AlertNews, type AlertWrite, type EvaluationResult, type EvaluationState, type StoredOpenAlert, type WatchedRule,
} from './admin/alert-evaluation.ts';
export { adminReadTotalHistograms, adminReadTotals } from './admin/organization-totals.ts';
export * as schema from './schema.ts';
export { countRunsAhead, listRecentStarts, readVersionPlaces, type VersionOfRun } from './queries/read-wait.ts';
export { cancelWaitingRuns } from './queries/cancel-waiting-runs.ts';
export { listFilteredRunIds, readRunsToReplay, replayKeyOf } from './queries/filter-runs.ts';
export { addRuntimeSamples, type RuntimeSample } from './queries/add-runtime-samples.ts';
export { adminReadUtilisation, adminReadWorkerGauges, type Utilisation, type WorkerGauges } from './admin/runtime-samples.ts';
export { parseKeyRing, type KeyRing } from './secrets/key-ring.ts';
export { SecretStore } from './secrets/secret-store.ts';
export { SigningSecrets, type NewSigningSecret } from './secrets/signing-secrets.ts';
export { changeWebhook, deleteWebhook, getWebhook, insertWebhook, listWebhooks, rotateWebhookSecret } from './queries/webhooks.ts';
export { getDelivery, insertTestDelivery, listDeliveries, replayDelivery, replayFailedDeliveries } from './queries/webhook-deliveries.ts';
export {
  adminDisableWebhook, adminGiveUpCrowds, adminListDueLanes, adminOldestDueAt, adminSettleDelivery, adminTakeDeliveries,
  type DeliveryLane, type DeliveryOutcome, type TakeOptions, type TakenDelivery,
} from './admin/webhook-deliveries.ts';
export {
  changeTrigger, deleteTrigger, getTrigger, insertTrigger, listTriggers, rotateTriggerSecret, rotateTriggerToken, type NewTriggerParts,
} from './queries/triggers.ts';
export { adminFindTrigger, adminTouchTrigger, type FoundTrigger } from './admin/triggers.ts';
export { adminReadWebhookBoard } from './admin/webhook-board.ts';
