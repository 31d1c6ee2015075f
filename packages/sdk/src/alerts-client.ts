import { creator, remover, getter, patcher, poster } from './calls.ts';
import type { AlertsClient } from './client-types.ts';
import type { Http } from './http.ts';

/** The alerts of an organization (`/v1`), or those of the platform (`/api/admin`). */
export function alertsClient(http: Http, prefix: '/v1' | '/api/admin'): AlertsClient {
  const rule = (id: string): string => `${prefix}/alert-rules/${encodeURIComponent(id)}`;
  return {
    list: (query) => getter(http)(`${prefix}/alerts`, query),
    acknowledge: (alertId, request = {}, call) => poster(http)(`${prefix}/alerts/${encodeURIComponent(alertId)}/acknowledge`, request, call),
    rules: {
      list: (call) => getter(http)(`${prefix}/alert-rules`, call),
      create: (request, call) => creator(http)(`${prefix}/alert-rules`, request, call),
      enable: (ruleId, enabled, call) => patcher(http)(rule(ruleId), { enabled }, call),
      delete: (ruleId, call) => remover(http)(rule(ruleId), call),
    },
    silences: {
      list: (call) => getter(http)(`${prefix}/alert-silences`, call),
      create: (request, call) => creator(http)(`${prefix}/alert-silences`, request, call),
      delete: (silenceId, call) => remover(http)(`${prefix}/alert-silences/${encodeURIComponent(silenceId)}`, call),
    },
  };
}
