/** The vocabulary of Bullpen: states, tiers, limits, errors, ids, schemas, contracts. No I/O. */
export {
  ALERT_MEASURES, ALERT_SEVERITIES, ALERT_STATES, acknowledgeSchema, alertRuleSchema, alertSchema, alertSilenceSchema, createAlertRuleSchema,
  createSilenceSchema, createdAlertRuleSchema, listAlertsSchema,
  type Alert, type AlertMeasure, type AlertRule, type AlertSeverity, type AlertSilence, type AlertState, type CreateAlertRule,
  type CreateAlertRuleRequest, type CreateSilence, type CreateSilenceRequest, type CreatedAlertRule,
} from './alerts/alert-schemas.ts';
export { RESOLVE_AFTER_MS, stepAlert, type AlertCondition, type AlertStep, type OpenAlert } from './alerts/alert-state.ts';
export { assertNever } from './assert-never.ts';
export { systemClock, type Clock } from './clock.ts';
export { parseConfig } from './config.ts';
export { defined, type Defined } from './defined.ts';
export { ERROR_CODES, ERROR_REGISTRY, renderErrorTable, type ErrorCode, type ErrorSpec } from './error-registry.ts';
export { BullpenError, errorCodeOf, messageOf, type ErrorFacts } from './errors.ts';
export { noFaults, type FaultPoint, type Faults } from './faults.ts';
export { ID_PREFIXES, SLUG_PATTERN, isId, newId, timeOfId, type IdKind } from './ids.ts';
export {
  DEFAULT_POOL_MB, DEFAULT_RETRY_BACKOFF, DEFAULT_RUN_LIMITS, LIMIT_BOUNDS, SIZE_CAPS, retryDelayMs,
  type RetryBackoff, type RunLimits,
} from './limits.ts';
export { silentLogger, type Logger } from './logger.ts';
export { KILL_CAUSES, killReceiptSchema, type KillCause, type KillReceipt } from './kill-receipt.ts';
export { limitCapsSchema, runLimitsSchema, type AttemptLimitName, type AttemptLimits, type LimitCaps } from './limit-schemas.ts';
export type { Idempotency, NewRun } from './new-run.ts';
export { FAILED_STATES, isFailure, type AttemptOutcome, type FailedState, type FinishedRun, type InterruptReason } from './outcome.ts';
export {
  KEY_ROLES, ORGANIZATION_ROLES, PERMISSIONS, may, renderPermissionTable, type KeyRole, type OrganizationRole, type Permission,
} from './permissions.ts';
export { planRun } from './plan-run.ts';
export { parseOrThrow, problemSchema, toProblem, type Problem } from './problem.ts';
export {
  RUN_STATES, RUN_TRANSITIONS, TERMINAL_RUN_STATES, WAITING_RUN_STATES, canMove, isTerminal, renderRunStateDiagram,
  statesLeadingTo, type RunState, type TerminalRunState,
} from './run-state.ts';
export { Deadline, composeServices, type Service } from './service.ts';
export { checkStorableText, toStorableJson, utf8Bytes, type StorableJson, type StorableProblem } from './stored-json.ts';
export { GEN_AI, TRACE_ATTRIBUTES, formatTraceparent, idsOfTraceparent, parseTraceparent, type SpanIds } from './tracing.ts';
export { AVAILABLE_TIERS, DEFAULT_TIER, TIERS, checkTier, chooseTier, isAtLeast, type Tier } from './tier.ts';

export {
  agentManifestSchema, agentPageSchema, agentSchema, agentVersionSchema, createVersionSchema, versionPageSchema,
  type Agent, type AgentManifest, type AgentManifestInput, type AgentVersion, type CreateVersionRequest,
} from './agent-schemas.ts';
export { destinationOf, findRule, type Destination } from './egress-policy.ts';
export { AttemptEvents, type EventFault, type EventSink } from './attempt-events.ts';
export { LimitGuard, WARN_AT, type Breach, type GuardedLimit } from './limit-guard.ts';
export { Redactor } from './redactor.ts';
export {
  DOCTOR_CHECKS, doctorFindingSchema, doctorReportSchema, doctorRequestSchema, killMessageSchema, killOrderSchema,
  type DoctorCheckName, type DoctorFinding, type DoctorReport, type KillMessage, type KillOrder,
} from './doctor-schemas.ts';
export {
  EGRESS_BOUNDS, egressHostSchema, egressManifestSchema, egressRuleSchema, fillTemplate, secretsOfTemplate, type EgressManifest, type EgressRule,
} from './egress-schemas.ts';
export { KV_BOUNDS, kvKeySchema, kvRevisionSchema, type KvEntry, type KvPage } from './kv-schemas.ts';
export {
  SECRET_BOUNDS, putSecretSchema, rewrapResultSchema, secretListSchema, secretNameSchema, secretSchema,
  type PutSecretRequest, type RewrapResult, type Secret, type SecretList,
} from './secret-schemas.ts';
export {
  LOG_LEVELS, runEventSchema, runStateEventSchema, storedRunEventSchema, type LogLevel, type RunEvent, type RunStateEvent, type StoredRunEvent,
} from './event-schemas.ts';
export { cancelMessageSchema, liveRunMessageSchema, type CancelMessage, type LiveRunMessage, type RunEnd } from './live-messages.ts';
export { agentNameSchema, cursorSchema, idSchema, orgIdSchema, pageLimitSchema, pageSchema } from './fields.ts';
export {
  apiKeyPageSchema, apiKeySchema, auditEntrySchema, auditPageSchema, createKeySchema, createdKeySchema, listAuditSchema, rotateKeySchema, whoAmISchema,
  type ApiKey, type AuditEntry, type CreateKeyRequest, type CreatedKey, type ListAudit, type RotateKeyRequest, type WhoAmI,
} from './key-schemas.ts';
export { canaryHealth, type VersionSample } from './canary-health.ts';
export {
  CANARY_VERDICTS, DEFAULT_DEPLOYMENT, canaryHealthSchema, canaryPolicySchema, canarySchema, deploymentNameSchema, deploymentPageSchema, deploymentSchema,
  putDeploymentSchema, rollbackSchema,
  type Canary, type CanaryHealth, type CanaryPolicy, type Deployment, type PutDeployment, type PutDeploymentRequest,
} from './deployment-schemas.ts';
export { runJobSchema, toEnqueuedRun, type EnqueuedRun, type RunJob } from './job-schemas.ts';
export {
  DEFAULT_ORGANIZATION_LIMITS, DEFAULT_ORGANIZATION_RETENTION, createOrganizationSchema, deletedOrganizationSchema, organizationLimitsSchema,
  organizationPageSchema, organizationRetentionSchema, organizationSchema, updateOrganizationSchema,
  type CreateOrganizationRequest, type DeletedOrganization, type Organization, type OrganizationLimits, type OrganizationRetention,
  type UpdateOrganizationRequest,
} from './org-schemas.ts';
export {
  DEFAULT_PRIORITY, createRunSchema, listRunsSchema, runErrorSchema, runLogsSchema, runPageSchema, runSchema, runSummarySchema, usageSchema, waitSchema,
  type CreateRun, type CreateRunRequest, type ListRuns, type Run, type RunError, type RunLogs, type RunPage, type RunSummary, type RunUsage,
} from './run-schemas.ts';
export {
  CONTAINER_DEATHS, CONTAINER_STATES, METRIC_GROUPINGS, containerHealthSchema, containerSnapshotSchema, isolationReportSchema, organizationMetricsSchema,
  organizationRuntimeSnapshotSchema, queueCountsSchema, runFiguresSchema, runtimeMetricsQuerySchema, runtimeMetricsSchema, runtimeStatusSchema,
  usageQuerySchema, usageReportSchema, workerMetricsSchema, workerSnapshotSchema,
  type ContainerDeath, type ContainerHealth, type ContainerSnapshot, type ContainerState, type IsolationReport, type MetricGrouping, type OrganizationMetrics,
  type OrganizationRuntimeSnapshot, type QueueCounts, type RunFigures, type RuntimeMetrics, type RuntimeMetricsQuery, type RuntimeStatus,
  type UsageQuery, type UsageQueryInput, type UsageReport, type WorkerMetrics, type WorkerSnapshot,
} from './runtime-schemas.ts';
export {
  MAX_SCHEDULES_PER_ORGANIZATION, changeScheduleSchema, createScheduleSchema, previewCountSchema, previewScheduleSchema, scheduleNameSchema, schedulePageSchema,
  schedulePreviewSchema, scheduleSchema, scheduleSummarySchema, scheduledRunSchema,
  type ChangeSchedule, type ChangeScheduleRequest, type CreateSchedule, type CreateScheduleRequest, type PreviewScheduleRequest,
  type Schedule, type ScheduleError, type SchedulePage, type SchedulePreview, type ScheduleSummary, type ScheduledRun,
} from './schedule-schemas.ts';
export type { FireTimes } from './schedules/cron-times.ts';
export {
  CATCH_UP_POLICIES, ON_TIME_MS, OVERLAP_POLICIES, planFires,
  type CatchUpPolicy, type FirePlan, type FirePolicy, type FireState, type OverlapPolicy,
} from './schedules/fire-plan.ts';
export { nextTimes, scheduleTimes, type ScheduleTiming } from './schedules/schedule-times.ts';
export { planScheduledRun, scheduleKeyPrefix, type FiringSchedule } from './schedules/scheduled-run.ts';
export { WAIT_CAUSES, explainWait, waitCauseSchema, whySchema, type QueueStanding, type VersionStanding, type WaitCause, type WaitFacts, type Why } from './why.ts';
export {
  MOST_BATCH_RUNS, createRunBatchSchema, drainResultSchema, idempotencyKeySchema, runBatchSchema,
  type CreateRunBatch, type CreateRunBatchRequest, type DrainResult, type RunBatch,
} from './batch-schemas.ts';
export {
  MOST_BULK_RUNS, bulkReplaySchema, bulkRequestSchema, bulkResultSchema, runFilterSchema, type BulkReplay, type BulkRequest, type BulkResult, type RunFilter,
} from './bulk-schemas.ts';
export { CONTAINER_HEALTH, ORGANIZATION_HEALTH, SYSTEM_HEALTH, WORKER_HEALTH } from './health/criteria.ts';
export {
  HEALTH_LEVELS, healthComponentSchema, healthLevel, healthReportSchema, scoreHealth,
  type HealthComponent, type HealthCriterion, type HealthLevel, type HealthReport, type HealthValues,
} from './health/score.ts';
export { deliveryWaitMs, DELIVERY_WAITS_MS, readRetryAfterMs } from './webhooks/retry-schedule.ts';
export { newSigningSecret, signStandardWebhook, verifyStandardWebhook, type SignedMessage, type StandardHeaders } from './webhooks/standard-signature.ts';
export { SIGNATURE_SCHEMES, verifyInbound, type InboundRequest, type SignatureScheme } from './webhooks/inbound-signature.ts';
export { readInboundEvent, slackChallengeOf, type InboundEvent } from './webhooks/inbound-event.ts';
export { planTriggeredRun, type FiringTrigger } from './webhooks/triggered-run.ts';
export {
  DELIVERY_STATES, WEBHOOK_BOUNDS, WEBHOOK_EVENT_TYPES, changeWebhookSchema, createWebhookSchema, createdWebhookSchema, deliveryParamsSchema,
  listDeliveriesSchema, operatorDeliverySchema, replayDeliveriesSchema, replayedDeliveriesSchema, rotateSecretSchema, webhookBoardSchema,
  webhookDeliveryDetailSchema, webhookDeliveryPageSchema, webhookDeliverySchema, webhookEventFilterSchema, webhookListSchema, webhookSchema,
  type ChangeWebhook, type CreateWebhook, type CreateWebhookRequest, type CreatedWebhook, type DeliveryAttempt, type DeliveryState, type ListDeliveries,
  type OperatorDelivery, type ReplayedDeliveries, type RotateSecretRequest, type Webhook, type WebhookBoard, type WebhookDelivery,
  type WebhookDeliveryDetail, type WebhookDeliveryPage, type WebhookEvent, type WebhookEventFilter, type WebhookEventType, type WebhookHealth,
} from './webhooks/webhook-schemas.ts';
export {
  TRIGGER_BOUNDS, acceptedEventSchema, challengeAnswerSchema, changeTriggerSchema, createTriggerSchema, createdTriggerSchema, rotateTriggerSchema,
  rotatedTriggerSchema, triggerListSchema, triggerNameSchema, triggerSchema, triggeredRunSchema,
  type AcceptedEvent, type ChangeTrigger, type ChangeTriggerRequest, type CreateTrigger, type CreateTriggerRequest, type CreatedTrigger,
  type RotateTrigger, type RotateTriggerRequest, type RotatedTrigger, type Trigger, type TriggeredRun,
} from './webhooks/trigger-schemas.ts';
