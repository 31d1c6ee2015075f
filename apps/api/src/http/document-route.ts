import { z } from 'zod';

import { openApiDocument } from './openapi.ts';
import { ok, route, type Route } from './route.ts';

/** `/openapi.json`: the document of `routes` and of itself, made once, when it is first asked for. */
export function documentRoute(routes: readonly Route[]): Route {
  let document: Record<string, unknown> | undefined;
  const self: Route = route({
    method: 'get', path: '/openapi.json', operationId: 'openApiDocument', tag: 'service', scope: 'public', permission: null,
    summary: 'This document', answer: { statuses: { 200: 'OpenAPI 3.1' }, schema: z.record(z.string(), z.unknown()) },
    handle: () => ok(document ??= openApiDocument([...routes, self])),
  });
  return self;
}
