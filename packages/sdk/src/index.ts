/** What agents are written with (`defineAgent`), and a typed client of the API. */
export { defineAgent, type Agent, type AgentDefinition } from './define-agent.ts';
export type {
  AgentContext, AgentEgress, AgentKv, AgentLog, AgentRun, AgentSecrets, AgentSpan, AgentTrace, KvCondition, KvEntry, LogFields, SpanAttributes,
} from './agent-context.ts';
export { createClient } from './client.ts';
export type {
  AgentsClient, AlertsClient, BulkOptions, BulkReplayOptions, BullpenClient, CallOptions, ClientOptions, CreateRunOptions, DeployRequest, DeployedVersion, DeploymentsClient, KeysClient,
  ListAlertsOptions, ListAuditOptions, ListLogsOptions, ListRunsOptions,
  Page, PageOptions, RunHandle, RunOf, RunsClient, RuntimeMetricsOptions, UsageOptions, WaitOptions, SchedulesClient, WhoAmI,
} from './client-types.ts';
export type { TriggersClient, WebhooksClient } from './webhooks-client-types.ts';
export { verifyWebhook, type VerifyWebhookOptions, type WebhookHeaders } from './verify-webhook.ts';
export type { Fetch } from './http.ts';
export type { RunStreamItem, RunStreamOptions } from './run-stream.ts';
export { BullpenError, errorCodeOf, isTerminal, type AgentManifest, type AgentManifestInput, type ErrorCode, type Run, type RunEvent, type RunState, type RunSummary, type StoredRunEvent, type WebhookEvent, type WebhookEventType } from '@bullpen/core';
