import { TRIGGER_BOUNDS, acceptedEventSchema, challengeAnswerSchema, idSchema } from '@bullpen/core';
import { z } from 'zod';

import { traceparentOf } from '../http/request-tracing.ts';
import { route, type Route } from '../http/route.ts';
import { EventIntake, type EventIntakeDeps } from './event-intake.ts';

const params = z.strictObject({ id: idSchema('trigger'), token: z.string().max(200).describe('the secret part of the URL') });

/** `/v1/hooks/{id}/{token}`: where events of triggers arrive. Whoever has the URL may post; the signature says who it was. */
export function eventRoute(deps: EventIntakeDeps): Route {
  const intake = new EventIntake(deps);
  return route({
    method: 'post', path: '/v1/hooks/{id}/{token}', operationId: 'receiveEvent', tag: 'triggers', scope: 'public', permission: null, summary: 'Turn an event into a run',
    params, rawBody: 'what the sender sends: JSON or a form', bodyBytes: TRIGGER_BOUNDS.bodyBytes, audit: 'by the handler',
    answer: { statuses: { 200: 'what Slack asked for, to see whether somebody is there', 202: 'the run that the event became, now or before' }, schema: z.union([acceptedEventSchema, challengeAnswerSchema]) },
    errors: [
      'NOT_FOUND', 'TRIGGER_DISABLED', 'SIGNATURE_INVALID', 'EVENT_INVALID', 'RATE_LIMITED', 'INPUT_TOO_LARGE', 'INPUT_INVALID', 'INPUT_NOT_STORABLE', 'AGENT_NOT_FOUND', 'TIER_UNAVAILABLE',
      'TIER_BELOW_MINIMUM', 'LIMIT_EXCEEDED', 'SCHEMA_TOO_COSTLY', 'SECRETS_UNAVAILABLE',
    ],
    handle: ({ params: { id, token }, rawBody, req, res }) => intake.receive({ triggerId: id, token, headers: req.headers, body: rawBody, requestId: res.locals.requestId, traceparent: traceparentOf(req) }),
  });
}
