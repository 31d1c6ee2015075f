import { z } from 'zod';

import { nullableTimeSchema, orgIdSchema, slugSchema, textSchema, timeSchema } from '../fields.ts';
import { scheduledRunSchema } from '../schedule-schemas.ts';
import { templateFault } from './event-template.ts';
import { eventIdFault } from './inbound-event.ts';
import { SIGNATURE_SCHEMES } from './inbound-signature.ts';
import { overlapMsSchema } from './webhook-schemas.ts';

/** Webhooks in: an HTTP event becomes a run. */

export const TRIGGER_BOUNDS = Object.freeze({ perOrganization: 500, bodyBytes: 1024 * 1024 });

export const triggerNameSchema = slugSchema.describe('trigger name, unique in its organization');

/** What a trigger starts: the body of `POST /v1/runs` without a delay, and without the input, which the event gives. */
export const triggeredRunSchema = scheduledRunSchema.omit({ input: true });
export type TriggeredRun = z.output<typeof triggeredRunSchema>;

const triggerFields = {
  run: triggeredRunSchema,
  scheme: z.enum(SIGNATURE_SCHEMES).describe('how events are signed: standard (Standard Webhooks), github, stripe, slack; none: the URL is the secret'),
  input: z.unknown().superRefine((template, { addIssue }) => {
    const fault = templateFault(template);
    if (fault !== null) addIssue({ code: 'custom', message: fault });
  }).describe('a template of the input: `{ "$event": "/body/..." }` takes a value of the event, `{{/body/...}}` in a text its text; the whole body where left out'),
  eventIdAt: z.string().max(512).superRefine((pointer, { addIssue }) => {
    const fault = eventIdFault(pointer);
    if (fault !== null) addIssue({ code: 'custom', message: fault });
  }).nullable().describe('JSON Pointer into the body where the id of the event is; null: where the scheme has it'),
};
const WHOLE_BODY = { $event: '/body' };

/** The sender's own secret, as Slack and Stripe give one. */
const ownSecretSchema = textSchema.min(16).max(256).optional().describe('where the sender makes the secret; one is made where left out');

/** Body of `POST /v1/triggers`. */
export const createTriggerSchema = z.strictObject({
  name: triggerNameSchema,
  ...triggerFields,
  scheme: triggerFields.scheme.default('standard'),
  input: triggerFields.input.default(WHOLE_BODY),
  eventIdAt: triggerFields.eventIdAt.default(null),
  secret: ownSecretSchema,
}).meta({ id: 'CreateTrigger' });
export type CreateTriggerRequest = z.input<typeof createTriggerSchema>;
export type CreateTrigger = z.output<typeof createTriggerSchema>;

/** Body of `PATCH /v1/triggers/{name}`: what is left out stays. Another scheme needs another trigger. */
export const changeTriggerSchema = z.strictObject({
  run: triggerFields.run, input: triggerFields.input, eventIdAt: triggerFields.eventIdAt, enabled: z.boolean().describe('false: events are answered with 410'),
}).partial();
export type ChangeTriggerRequest = z.input<typeof changeTriggerSchema>;
export type ChangeTrigger = z.output<typeof changeTriggerSchema>;

export const triggerSchema = z.strictObject({
  id: z.string(),
  orgId: orgIdSchema,
  name: triggerNameSchema,
  run: triggeredRunSchema,
  scheme: z.enum(SIGNATURE_SCHEMES),
  input: z.unknown(),
  eventIdAt: z.string().nullable(),
  enabled: z.boolean(),
  lastEventAt: nullableTimeSchema.describe('when an event last became a run, to the minute'),
  createdAt: timeSchema,
  updatedAt: timeSchema,
}).meta({ id: 'Trigger' });
export type Trigger = z.output<typeof triggerSchema>;
export const triggerListSchema = z.strictObject({ items: z.array(triggerSchema) });

export const createdTriggerSchema = triggerSchema.extend({
  url: z.string().describe('where events are posted to; the only time it is shown'),
  secret: z.string().nullable().describe('what events are signed with; the only time it is shown. Null with the scheme `none`'),
}).meta({ id: 'CreatedTrigger' });
export type CreatedTrigger = z.output<typeof createdTriggerSchema>;

/** Body of `POST /v1/triggers/{name}/rotate`. */
export const rotateTriggerSchema = z.strictObject({
  overlapMs: overlapMsSchema,
  what: z.enum(['secret', 'url']).optional().describe('the secret of the signatures, or the URL; where left out the URL of a trigger without signatures, else the secret'),
  secret: ownSecretSchema,
});
export type RotateTriggerRequest = z.input<typeof rotateTriggerSchema>;
export type RotateTrigger = z.output<typeof rotateTriggerSchema>;
export const rotatedTriggerSchema = triggerSchema.extend({
  url: z.string().nullable().describe('the new URL; null where it is the old one'),
  secret: z.string().nullable().describe('the new secret; null where it is the old one'),
}).meta({ id: 'RotatedTrigger' });
export type RotatedTrigger = z.output<typeof rotatedTriggerSchema>;

/** Answer of a trigger's URL. */
export const acceptedEventSchema = z.strictObject({
  runId: z.string().describe('the run that the event became'),
  duplicate: z.boolean().describe('the event was here before, and this is the run of that time'),
});
export const challengeAnswerSchema = z.strictObject({ challenge: z.string().describe('what Slack asked for') });
export type AcceptedEvent = z.output<typeof acceptedEventSchema>;
