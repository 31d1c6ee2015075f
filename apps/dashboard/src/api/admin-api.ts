import type { Alert, KillOrder, Run, RuntimeMetrics, RuntimeStatus, WebhookBoard, WebhookDelivery } from '@bullpen/core';

import { requestJson } from './request.ts';

/** The window that every figure "of the last hour" is about. */
export const METRICS_WINDOW_MS = 3_600_000;

// The page and the API are one release, so the answers are taken by their types; core's zod schemas would double the bundle.

export async function fetchStatus(signal: AbortSignal): Promise<RuntimeStatus> {
  return (await requestJson('/api/admin/runtime/status', { signal })) as RuntimeStatus;
}

export async function fetchMetrics(signal: AbortSignal): Promise<RuntimeMetrics> {
  return (await requestJson(`/api/admin/runtime/metrics?windowMs=${METRICS_WINDOW_MS}&limit=1000`, { signal })) as RuntimeMetrics;
}

export async function fetchWebhooks(signal: AbortSignal): Promise<WebhookBoard> {
  return (await requestJson('/api/admin/webhooks', { signal })) as WebhookBoard;
}

/** It is due at once; a worker sends it. */
export async function replayDelivery(deliveryId: string): Promise<WebhookDelivery> {
  return (await requestJson(`/api/admin/webhooks/deliveries/${encodeURIComponent(deliveryId)}/replay`, { method: 'POST' })) as WebhookDelivery;
}

/** Trades the admin key for an HttpOnly cookie: the page never keeps the key. */
export async function openSession(key: string): Promise<void> {
  await requestJson('/api/admin/session', { method: 'POST', body: { key } });
}

export async function closeSession(): Promise<void> {
  await requestJson('/api/admin/session', { method: 'DELETE' });
}

export async function acknowledgeAlert(alertId: string): Promise<Alert> {
  return (await requestJson(`/api/admin/alerts/${encodeURIComponent(alertId)}/acknowledge`, { method: 'POST', body: { by: 'operator' } })) as Alert;
}

/** Ends the container of a run at once; the receipt appears on the run. */
export async function killRun(orgId: string, runId: string): Promise<KillOrder> {
  const path = `/api/admin/runtime/runs/${encodeURIComponent(orgId)}/${encodeURIComponent(runId)}/kill`;
  return (await requestJson(path, { method: 'POST' })) as KillOrder;
}

export async function cancelRun(orgId: string, runId: string): Promise<Run> {
  const path = `/api/admin/runs/${encodeURIComponent(orgId)}/${encodeURIComponent(runId)}/cancel`;
  return (await requestJson(path, { method: 'POST' })) as Run;
}
