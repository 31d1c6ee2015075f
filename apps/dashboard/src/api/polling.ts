import type { RuntimeMetrics, RuntimeStatus, WebhookBoard } from '@bullpen/core';
import { QueryClient, useQuery, type UseQueryResult } from '@tanstack/react-query';

import { fetchMetrics, fetchStatus, fetchWebhooks } from './admin-api.ts';
import { needsSignIn } from './request.ts';

const STATUS_EVERY_MS = 2000;
const METRICS_EVERY_MS = 5000;
const WEBHOOKS_EVERY_MS = 5000;

/**
 * Polls while the tab is visible and catches up when it is shown again. A failed request is not retried at once: the
 * next poll is the retry, and meanwhile the page says how old its data is.
 */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { retry: false, networkMode: 'always', refetchOnWindowFocus: 'always', gcTime: Infinity } },
  });
}

export function useStatus(enabled: boolean): UseQueryResult<RuntimeStatus> {
  return useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => fetchStatus(signal),
    enabled,
    refetchInterval: (query) => (needsSignIn(query.state.error) ? false : STATUS_EVERY_MS),
  });
}

export function useMetrics(enabled: boolean): UseQueryResult<RuntimeMetrics> {
  return useQuery({
    queryKey: ['metrics'],
    queryFn: ({ signal }) => fetchMetrics(signal),
    enabled,
    refetchInterval: (query) => (needsSignIn(query.state.error) ? false : METRICS_EVERY_MS),
  });
}

export function useWebhooks(enabled: boolean): UseQueryResult<WebhookBoard> {
  return useQuery({
    queryKey: ['webhooks'],
    queryFn: ({ signal }) => fetchWebhooks(signal),
    enabled,
    refetchInterval: (query) => (needsSignIn(query.state.error) ? false : WEBHOOKS_EVERY_MS),
  });
}
