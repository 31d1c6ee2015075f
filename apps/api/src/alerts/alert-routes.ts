import {
  acknowledgeSchema, alertRuleSchema, alertSchema, alertSilenceSchema, BullpenError, createAlertRuleSchema, createdAlertRuleSchema, createSilenceSchema,
  listAlertsSchema, newId, newSigningSecret, type AlertRule, type AlertSilence, type Clock, type Permission,
} from '@bullpen/core';
import {
  acknowledgeAlert, deleteAlertRule, deleteAlertSilence, enableAlertRule, insertAlertRule, insertAlertSilence, listAlertRules, listAlertSilences, listAlerts,
  type Database, type SigningSecrets,
} from '@bullpen/db';
import { z } from 'zod';

import { created, noContent, ok, route, type Route } from '../http/route.ts';

/** Where these alerts are, and whose they are: an organization's under `/v1`, the platform's under `/api/admin`. */
interface Face {
  readonly prefix: '/v1' | '/api/admin';
  readonly scope: 'organization' | 'operator';
  /** Before the name of the operation. */
  readonly idPrefix: string;
  readonly permissions: { readonly read: Permission; readonly operate: Permission; readonly write: Permission };
}

const FACES: readonly Face[] = [
  { prefix: '/v1', scope: 'organization', idPrefix: '', permissions: { read: 'alerts:read', operate: 'alerts:operate', write: 'alerts:write' } },
  { prefix: '/api/admin', scope: 'operator', idPrefix: 'platform', permissions: { read: 'platform:read', operate: 'platform:write', write: 'platform:write' } },
];

interface AlertRoutesDeps {
  db: Database;
  signing: SigningSecrets;
  clock: Clock;
}

const tag = 'alerts';
/** Ids of rules that the platform begins with are words, not ULIDs. */
const idParams = z.strictObject({ id: z.string().regex(/^[a-z]{3}_[a-z0-9_]{1,60}$/) });
const enableSchema = z.strictObject({ enabled: z.boolean() });
const itemsOf = <T extends z.ZodType>(item: T) => z.strictObject({ items: z.array(item) });

/** `/alerts`, `/alert-rules` and `/alert-silences`: under `/v1` for an organization, under `/api/admin` for the platform. */
export function alertRoutes(deps: AlertRoutesDeps): Route[] {
  return FACES.flatMap((face) => [...openAlertRoutes(deps, face), ...ruleRoutes(deps, face), ...silenceRoutes(deps, face)]);
}

const named = ({ idPrefix }: Face, name: string) => (idPrefix === '' ? name : `${idPrefix}${name.charAt(0).toUpperCase()}${name.slice(1)}`);

function openAlertRoutes({ db, clock }: AlertRoutesDeps, face: Face): Route[] {
  const shared = { tag, scope: face.scope } as const;
  return [
    route({
      ...shared, method: 'get', path: `${face.prefix}/alerts`, operationId: named(face, 'listAlerts'), permission: face.permissions.read,
      summary: 'List alerts', query: listAlertsSchema, answer: { statuses: { 200: 'alerts' }, schema: itemsOf(alertSchema) },
      handle: async ({ orgId, query }) => ok({ items: await listAlerts(db, orgId, query) }),
    }),
    route({
      ...shared, method: 'post', path: `${face.prefix}/alerts/{id}/acknowledge`, operationId: named(face, 'acknowledgeAlert'), permission: face.permissions.operate,
      summary: 'Say that somebody looks into an alert', params: idParams, body: acknowledgeSchema, errors: ['NOT_FOUND'],
      audit: { target: ({ params }) => `alert/${params.id}`, after: ({ acknowledgedBy }) => ({ acknowledgedBy }) },
      answer: { statuses: { 200: 'the alert' }, schema: alertSchema },
      handle: async ({ orgId, params, body }) => ok(await acknowledgeAlert(db, orgId, params.id, body.by, clock.nowMs())),
    }),
  ];
}

function ruleRoutes({ db, signing, clock }: AlertRoutesDeps, face: Face): Route[] {
  const shared = { tag, scope: face.scope } as const;
  const target = ({ params }: { params: { id: string } }) => `alert-rule/${params.id}`;
  return [
    route({
      ...shared, method: 'get', path: `${face.prefix}/alert-rules`, operationId: named(face, 'listAlertRules'), permission: face.permissions.read,
      summary: 'List alert rules', answer: { statuses: { 200: 'rules' }, schema: itemsOf(alertRuleSchema) },
      handle: async ({ orgId }) => ok({ items: await listAlertRules(db, orgId) }),
    }),
    route({
      ...shared, method: 'post', path: `${face.prefix}/alert-rules`, operationId: named(face, 'createAlertRule'), permission: face.permissions.write,
      summary: 'Make an alert rule', body: createAlertRuleSchema, idempotency: 'kept', errors: ['LIMIT_EXCEEDED', 'SECRETS_UNAVAILABLE'],
      audit: { target: (_call, { id }) => `alert-rule/${id}`, after: ({ secret: _, ...rule }) => rule },
      answer: { statuses: { 201: 'the rule; the secret that its deliveries are signed with is shown this once' }, schema: createdAlertRuleSchema },
      async handle({ orgId, body }) {
        if (orgId !== null && body.measure === 'heartbeat_age_ms') throw new BullpenError('FORBIDDEN', 'workers are the platform\'s');
        const rule: AlertRule = { ...body, id: newId('alertRule'), orgId, createdAt: new Date(clock.nowMs()).toISOString() };
        const secret = rule.webhookUrl === null ? null : newSigningSecret();
        const webhookId = newId('webhook');
        await insertAlertRule(db, rule, secret === null ? null : { id: webhookId, secret: signing.seal(orgId, webhookId, secret) });
        return created(`${face.prefix}/alert-rules/${rule.id}`, { ...rule, secret });
      },
    }),
    route({
      ...shared, method: 'patch', path: `${face.prefix}/alert-rules/{id}`, operationId: named(face, 'enableAlertRule'), permission: face.permissions.write,
      summary: 'Switch an alert rule on or off', params: idParams, body: enableSchema, errors: ['NOT_FOUND'], audit: { target },
      answer: { statuses: { 200: 'the rule' }, schema: alertRuleSchema },
      handle: async ({ orgId, params, body }) => ok(await enableAlertRule(db, orgId, params.id, body.enabled)),
    }),
    route({
      ...shared, method: 'delete', path: `${face.prefix}/alert-rules/{id}`, operationId: named(face, 'deleteAlertRule'), permission: face.permissions.write,
      summary: 'Delete an alert rule', params: idParams, errors: ['NOT_FOUND'], audit: { target }, answer: { statuses: { 204: 'it is gone' } },
      async handle({ orgId, params }) {
        await deleteAlertRule(db, orgId, params.id);
        return noContent();
      },
    }),
  ];
}

function silenceRoutes({ db, clock }: AlertRoutesDeps, face: Face): Route[] {
  const shared = { tag, scope: face.scope } as const;
  return [
    route({
      ...shared, method: 'get', path: `${face.prefix}/alert-silences`, operationId: named(face, 'listAlertSilences'), permission: face.permissions.read,
      summary: 'List silences that still hold', answer: { statuses: { 200: 'silences' }, schema: itemsOf(alertSilenceSchema) },
      handle: async ({ orgId }) => ok({ items: await listAlertSilences(db, orgId, clock.nowMs()) }),
    }),
    route({
      ...shared, method: 'post', path: `${face.prefix}/alert-silences`, operationId: named(face, 'createAlertSilence'), permission: face.permissions.operate,
      summary: 'Deliver nothing of some alerts for a while', body: createSilenceSchema, idempotency: 'kept', errors: ['NOT_FOUND'],
      audit: { target: (_call, { id }) => `alert-silence/${id}` }, answer: { statuses: { 201: 'the silence' }, schema: alertSilenceSchema },
      async handle({ orgId, body: { minutes, ...asked } }) {
        const nowMs = clock.nowMs();
        const isKnown = asked.ruleId === null || (await listAlertRules(db, orgId)).some(({ id }) => id === asked.ruleId);
        if (!isKnown) throw new BullpenError('NOT_FOUND', 'there is no such alert rule');
        const silence: AlertSilence = { ...asked, id: newId('silence'), orgId, until: new Date(nowMs + minutes * 60_000).toISOString(), createdAt: new Date(nowMs).toISOString() };
        await insertAlertSilence(db, silence);
        return created(`${face.prefix}/alert-silences/${silence.id}`, silence);
      },
    }),
    route({
      ...shared, method: 'delete', path: `${face.prefix}/alert-silences/{id}`, operationId: named(face, 'deleteAlertSilence'), permission: face.permissions.operate,
      summary: 'End a silence', params: idParams, errors: ['NOT_FOUND'], audit: { target: ({ params }) => `alert-silence/${params.id}` },
      answer: { statuses: { 204: 'it is gone' } },
      async handle({ orgId, params }) {
        await deleteAlertSilence(db, orgId, params.id);
        return noContent();
      },
    }),
  ];
}
