import { creator, getter, patcher, poster, remover } from './calls.ts';
import type { TriggersClient, WebhooksClient } from './webhooks-client-types.ts';
import type { Http } from './http.ts';

export function webhooksClient(http: Http): WebhooksClient {
  const [get, post, create] = [getter(http), poster(http), creator(http)];
  const of = (id: string, rest = ''): string => `/v1/webhooks/${encodeURIComponent(id)}${rest}`;
  return {
    create: (request, call) => create('/v1/webhooks', request, call),
    list: (call) => get('/v1/webhooks', call),
    get: (id, call) => get(of(id), call),
    update: (id, change, call) => patcher(http)(of(id), change, call),
    delete: (id, call) => remover(http)(of(id), call),
    rotate: (id, request = {}, call) => create(of(id, '/rotate'), request, call),
    test: (id, call) => post(of(id, '/test'), {}, call),
    deliveries: (id, options) => get(of(id, '/deliveries'), options),
    delivery: (id, deliveryId, call) => get(of(id, `/deliveries/${encodeURIComponent(deliveryId)}`), call),
    replay: (id, deliveryId, call) => post(of(id, `/deliveries/${encodeURIComponent(deliveryId)}/replay`), {}, call),
    replayFailed: (id, since, call) => post(of(id, '/replay'), { since: since instanceof Date ? since.toISOString() : since }, call),
  };
}

export function triggersClient(http: Http): TriggersClient {
  const [get, create] = [getter(http), creator(http)];
  const of = (name: string, rest = ''): string => `/v1/triggers/${encodeURIComponent(name)}${rest}`;
  const update: TriggersClient['update'] = (name, change, call) => patcher(http)(of(name), change, call);
  return {
    create: (request, call) => create('/v1/triggers', request, call),
    list: (call) => get('/v1/triggers', call),
    get: (name, call) => get(of(name), call),
    update,
    enable: (name, call) => update(name, { enabled: true }, call),
    disable: (name, call) => update(name, { enabled: false }, call),
    rotate: (name, request = {}, call) => create(of(name, '/rotate'), request, call),
    delete: (name, call) => remover(http)(of(name), call),
  };
}
