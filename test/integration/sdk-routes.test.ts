import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  agentPageSchema, agentVersionSchema, alertRuleSchema, alertSchema, alertSilenceSchema, apiKeyPageSchema, apiKeySchema, auditPageSchema, bulkResultSchema,
  canaryHealthSchema, createdAlertRuleSchema, createdKeySchema, deletedOrganizationSchema, deploymentPageSchema, deploymentSchema, doctorReportSchema,
  drainResultSchema, killOrderSchema, newId, organizationPageSchema, organizationSchema, rewrapResultSchema, runBatchSchema, runLogsSchema, runPageSchema,
  runSchema, runtimeMetricsSchema, runtimeStatusSchema, schedulePageSchema, schedulePreviewSchema, scheduleSchema, secretListSchema, secretSchema, usageReportSchema,
  createdTriggerSchema, createdWebhookSchema, replayedDeliveriesSchema, rotatedTriggerSchema, triggerListSchema, triggerSchema, versionPageSchema,
  webhookBoardSchema, webhookDeliveryDetailSchema, webhookDeliveryPageSchema, webhookDeliverySchema, webhookListSchema, webhookSchema, whoAmISchema, whySchema,
  type RunFilter,
} from '@bullpen/core';
import { createClient, type BullpenClient } from '@bullpen/sdk';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';

import { documentedOperations, type DocumentedOperation } from '../system/api-document.ts';
import { startSystem, type RunningSystem } from '../system/running-system.ts';

/**
 * The client held against /openapi.json. Each method is called; what it sends must be a request that the document describes
 * (route, query, body), and what it says it answers must be the schema that the document names: the type checker compares the
 * method's type with the zod schema, this test the schema with the document.
 */
interface Check {
  readonly operationId: string;
  readonly answer: z.ZodType | null;
  call(client: BullpenClient): Promise<unknown>;
}

/** That the call gives what the schema describes is checked by the compiler. */
function gives<S extends z.ZodType>(operationId: string, answer: S, call: (client: BullpenClient) => Promise<z.output<S>>): Check {
  return { operationId, answer, call };
}

/** No JSON comes back, or JSON that only the agent knows. */
function sends(operationId: string, call: (client: BullpenClient) => Promise<unknown>): Check {
  return { operationId, answer: null, call };
}

const runId = newId('run');
const hookId = newId('webhook');
const deliveryId = newId('delivery');
const itemsOf = <S extends z.ZodType>(item: S) => z.strictObject({ items: z.array(item) });
const schedule = { name: 'nightly', cron: '0 3 * * *', run: { agent: 'echo' } };
const rule = { name: 'slow', measure: 'queue_wait_p95_ms', threshold: 5 } as const;
const filter: RunFilter = { states: ['failed'], agent: 'echo' };

const alertChecks = (prefix: string, of: (client: BullpenClient) => BullpenClient['alerts']): Check[] => {
  const id = (name: string) => (prefix === '' ? name : `${prefix}${name.charAt(0).toUpperCase()}${name.slice(1)}`);
  return [
    gives(id('listAlerts'), itemsOf(alertSchema), (client) => of(client).list({ state: 'all', limit: 5 })),
    gives(id('acknowledgeAlert'), alertSchema, (client) => of(client).acknowledge('alt_1', { by: 'me' })),
    gives(id('listAlertRules'), itemsOf(alertRuleSchema), (client) => of(client).rules.list()),
    gives(id('createAlertRule'), createdAlertRuleSchema, (client) => of(client).rules.create(rule)),
    gives(id('enableAlertRule'), alertRuleSchema, (client) => of(client).rules.enable('alr_1', false)),
    sends(id('deleteAlertRule'), (client) => of(client).rules.delete('alr_1')),
    gives(id('listAlertSilences'), itemsOf(alertSilenceSchema), (client) => of(client).silences.list()),
    gives(id('createAlertSilence'), alertSilenceSchema, (client) => of(client).silences.create({ minutes: 5 })),
    sends(id('deleteAlertSilence'), (client) => of(client).silences.delete('sil_1')),
  ];
};

const CHECKS: readonly Check[] = [
  gives('createRun', runSchema, ({ runs }) => runs.create({ agent: 'echo', input: 1, tags: ['a'] }, { wait: '5s' })),
  gives('createRunBatch', runBatchSchema, ({ runs }) => runs.createBatch([{ agent: 'echo' }])),
  gives('getRun', runSchema, ({ runs }) => runs.get(runId)),
  gives('listRuns', runPageSchema, ({ runs }) => runs.list({ state: ['failed', 'crashed'], tag: 'a', metadata: { a: 'b' }, agent: 'echo', version: 1, errorCode: 'TIMED_OUT', limit: 5 })),
  gives('cancelRun', runSchema, ({ runs }) => runs.cancel(runId)),
  gives('cancelRuns', bulkResultSchema, ({ runs }) => runs.cancelMany(filter, { dryRun: true })),
  gives('replayRun', runSchema, ({ runs }) => runs.replay(runId)),
  gives('replayRuns', bulkResultSchema, ({ runs }) => runs.replayMany(filter)),
  gives('whyRunWaits', whySchema, ({ runs }) => runs.why(runId)),
  sends('streamRunEvents', async ({ runs }) => { for await (const _ of runs.events(runId, { follow: false })); }),
  gives('listRunLogs', runLogsSchema, ({ runs }) => runs.logs(runId, { after: 5, level: 'warn', limit: 10 })),
  sends('downloadRunResult', ({ runs }) => runs.result(runId)),
  gives('waitForRun', runSchema, ({ runs }) => runs.wait(runId)),
  gives('listAgents', agentPageSchema, ({ agents }) => agents.list({ limit: 5 })),
  gives('createAgentVersion', agentVersionSchema, async ({ agents }) => (await agents.deploy('echo', { bundle: 'export default 1', manifest: { tier: 'strict' } })).version),
  gives('listAgentVersions', versionPageSchema, ({ agents }) => agents.versions('echo')),
  gives('listDeployments', deploymentPageSchema, ({ deployments }) => deployments.list('echo')),
  gives('getDeployment', deploymentSchema, ({ deployments }) => deployments.get('echo', 'production')),
  gives('putDeployment', deploymentSchema, ({ deployments }) => deployments.put('echo', 'production', { version: 1 })),
  gives('rollBackDeployment', deploymentSchema, ({ deployments }) => deployments.rollBack('echo', 'production')),
  gives('getCanaryHealth', canaryHealthSchema, ({ deployments }) => deployments.health('echo', 'production')),
  sends('deleteDeployment', ({ deployments }) => deployments.delete('echo', 'production')),
  gives('createSchedule', scheduleSchema, ({ schedules }) => schedules.create(schedule)),
  gives('listSchedules', schedulePageSchema, ({ schedules }) => schedules.list()),
  gives('getSchedule', scheduleSchema, ({ schedules }) => schedules.get('nightly')),
  gives('changeSchedule', scheduleSchema, ({ schedules }) => schedules.update('nightly', { paused: true })),
  sends('deleteSchedule', ({ schedules }) => schedules.delete('nightly')),
  gives('previewSchedule', schedulePreviewSchema, ({ schedules }) => schedules.next('nightly', { count: 3 })),
  gives('previewNewSchedule', schedulePreviewSchema, ({ schedules }) => schedules.preview({ cron: '0 3 * * *' })),
  gives('createKey', createdKeySchema, ({ keys }) => keys.create({ name: 'ci', role: 'viewer' })),
  gives('listKeys', apiKeyPageSchema, ({ keys }) => keys.list()),
  gives('getKey', apiKeySchema, ({ keys }) => keys.get(newId('key'))),
  gives('rotateKey', createdKeySchema, ({ keys }) => keys.rotate(newId('key'), { overlapMs: 0 })),
  gives('revokeKey', apiKeySchema, ({ keys }) => keys.revoke(newId('key'))),
  gives('listAuditEntries', auditPageSchema, ({ audit }) => audit.list({ action: 'createKey', limit: 5 })),
  gives('whoAmI', whoAmISchema, (client) => client.whoami()),
  gives('getUsage', usageReportSchema, (client) => client.usage({ groupBy: 'tier', windowMs: 60_000 })),
  gives('putSecret', secretSchema, ({ secrets }) => secrets.set('TOKEN', 'x')),
  gives('listSecrets', secretListSchema, ({ secrets }) => secrets.list()),
  sends('deleteSecret', ({ secrets }) => secrets.delete('TOKEN')),
  gives('createOrganization', organizationSchema, ({ organizations }) => organizations.create({ id: 'acme' })),
  gives('listOrganizations', organizationPageSchema, ({ organizations }) => organizations.list()),
  gives('getOrganization', organizationSchema, ({ organizations }) => organizations.get('acme')),
  gives('changeOrganization', organizationSchema, ({ organizations }) => organizations.pause('acme')),
  gives('drainOrganization', drainResultSchema, ({ organizations }) => organizations.drain('acme')),
  sends('exportOrganization', ({ organizations }) => organizations.export('acme')),
  gives('deleteOrganization', deletedOrganizationSchema, ({ organizations }) => organizations.delete('acme')),
  gives('rewrapSecrets', rewrapResultSchema, ({ admin }) => admin.rewrapSecrets()),
  gives('runtimeStatus', runtimeStatusSchema, ({ admin }) => admin.status()),
  gives('runtimeMetrics', runtimeMetricsSchema, ({ admin }) => admin.metrics({ windowMs: 60_000 })),
  gives('listPlatformAuditEntries', auditPageSchema, ({ admin }) => admin.audit.list()),
  gives('operatorCancelRun', runSchema, ({ admin }) => admin.cancelRun('acme', runId)),
  gives('killContainer', killOrderSchema, ({ admin }) => admin.killContainer(newId('container'))),
  gives('killRun', killOrderSchema, ({ admin }) => admin.killRun('acme', runId)),
  gives('examine', doctorReportSchema, ({ admin }) => admin.doctor({ repair: false })),
  sends('isAlive', ({ health }) => health.alive()),
  sends('isReady', ({ health }) => health.ready()),
  gives('createWebhook', createdWebhookSchema, ({ webhooks }) => webhooks.create({ url: 'https://example.com/hook', eventTypes: ['run.*'] })),
  gives('listWebhooks', webhookListSchema, ({ webhooks }) => webhooks.list()),
  gives('getWebhook', webhookSchema, ({ webhooks }) => webhooks.get(hookId)),
  gives('changeWebhook', webhookSchema, ({ webhooks }) => webhooks.update(hookId, { enabled: false })),
  sends('deleteWebhook', ({ webhooks }) => webhooks.delete(hookId)),
  gives('rotateWebhookSecret', createdWebhookSchema, ({ webhooks }) => webhooks.rotate(hookId, { overlapMs: 0 })),
  gives('testWebhook', webhookDeliverySchema, ({ webhooks }) => webhooks.test(hookId)),
  gives('listDeliveries', webhookDeliveryPageSchema, ({ webhooks }) => webhooks.deliveries(hookId, { limit: 5 })),
  gives('getDelivery', webhookDeliveryDetailSchema, ({ webhooks }) => webhooks.delivery(hookId, deliveryId)),
  gives('replayDelivery', webhookDeliverySchema, ({ webhooks }) => webhooks.replay(hookId, deliveryId)),
  gives('replayFailedDeliveries', replayedDeliveriesSchema, ({ webhooks }) => webhooks.replayFailed(hookId, new Date(0))),
  gives('webhookBoard', webhookBoardSchema, ({ admin }) => admin.webhooks()),
  gives('platformReplayDelivery', webhookDeliverySchema, ({ admin }) => admin.replayDelivery(deliveryId)),
  gives('createTrigger', createdTriggerSchema, ({ triggers }) => triggers.create({ name: 'push', scheme: 'github', run: { agent: 'echo' } })),
  gives('listTriggers', triggerListSchema, ({ triggers }) => triggers.list()),
  gives('getTrigger', triggerSchema, ({ triggers }) => triggers.get('push')),
  gives('changeTrigger', triggerSchema, ({ triggers }) => triggers.disable('push')),
  sends('deleteTrigger', ({ triggers }) => triggers.delete('push')),
  gives('rotateTrigger', rotatedTriggerSchema, ({ triggers }) => triggers.rotate('push')),
  ...alertChecks('', ({ alerts }) => alerts),
  ...alertChecks('platform', ({ admin }) => admin.alerts),
];

/** For other programs than this client: browsers of operators, what scrapes, and senders of events. */
const NOT_FOR_THE_CLIENT = ['receiveEvent', 'openOperatorSession', 'closeOperatorSession', 'prometheusMetrics', 'openApiDocument'];

interface Sent {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
}

describe('the client of the SDK', () => {
  let system: RunningSystem;
  let operations: DocumentedOperation[];
  let components: { schemas: Record<string, unknown> };
  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    const url = system.apis[0]?.url() as string;
    operations = await documentedOperations(url);
    ({ components } = (await (await fetch(`${url}/openapi.json`)).json()) as { components: { schemas: Record<string, unknown> } });
  });
  afterAll(() => system.stop());

  /** What the call sends; it is answered with a run that is over, which all methods make do with. */
  async function sentBy(check: Check): Promise<Sent> {
    const sent: Sent[] = [];
    const client = createClient({
      baseUrl: 'http://api.test', apiKey: 'key', retries: 0,
      fetch: async (url, init) => {
        sent.push({ method: init.method ?? 'GET', url: new URL(url), body: init.body === undefined ? undefined : JSON.parse(String(init.body)) });
        return new Response(JSON.stringify({ id: runId, state: 'succeeded' }), { headers: { 'content-type': 'application/json' } });
      },
    });
    await check.call(client);
    expect(sent).toHaveLength(1);
    return sent[0] as Sent;
  }

  const described = (operationId: string): DocumentedOperation => {
    const found = operations.find((one) => one.operationId === operationId);
    if (found === undefined) throw new Error(`the document has no operation ${operationId}`);
    return found;
  };

  it('reaches every operation of the document, and none that it does not have', () => {
    const reached = [...CHECKS.map(({ operationId }) => operationId), ...NOT_FOR_THE_CLIENT];
    expect(reached.sort()).toEqual(operations.map(({ operationId }) => operationId).sort());
  });

  it.each(CHECKS.map((check) => [check.operationId, check] as const))('sends what the document describes: %s', async (operationId, check) => {
    const operation = described(operationId);
    const { method, url, body } = await sentBy(check);
    expect(method).toBe(operation.method);
    expect(url.pathname).toMatch(new RegExp(`^${operation.path.replace(/\{\w+\}/g, '[^/]+')}$`));
    const known = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name);
    expect(known).toEqual(expect.arrayContaining([...new Set(url.searchParams.keys())]));
    const schema = operation.requestBody?.content['application/json'].schema;
    if (schema === undefined) expect(body).toBeUndefined();
    else {
      const ajv = new Ajv2020({ strict: false });
      addFormats.default(ajv);
      const validate = ajv.compile({ ...schema, components });
      expect(validate(body ?? {}) ? null : { body, errors: validate.errors }).toBeNull();
    }
  });

  it.each(CHECKS.flatMap((check) => (check.answer === null ? [] : [[check.operationId, check.answer] as const])))('answers what the document describes: %s', (operationId, answer) => {
    const { responses } = described(operationId);
    const [success] = Object.entries(responses).filter(([status]) => Number(status) < 300).map(([, response]) => response);
    const documented = (success?.content?.['application/json'] as { schema: Record<string, unknown> }).schema;
    expect(shapeOf(resolved(documented, components))).toEqual(shapeOf(withoutDefs(z.toJSONSchema(answer, { io: 'output', target: 'draft-2020-12' }) as Record<string, unknown>)));
  });
});

type Json = Record<string, unknown>;

/** With every component in its place. */
function resolved(schema: unknown, components: { schemas: Record<string, unknown> }): unknown {
  return inPlace(schema, (ref) => components.schemas[ref.replace('#/components/schemas/', '')]);
}

function withoutDefs({ $defs = {}, ...schema }: Json): unknown {
  return inPlace(schema, (ref) => ($defs as Json)[ref.replace('#/$defs/', '')]);
}

/** A schema that refers to itself ends where it does so. */
function inPlace(schema: unknown, find: (ref: string) => unknown, within: readonly string[] = []): unknown {
  if (Array.isArray(schema)) return schema.map((one) => inPlace(one, find, within));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref } = schema as { $ref?: unknown };
  if (typeof $ref === 'string') return within.includes($ref) ? 'itself' : inPlace(find($ref), find, [...within, $ref]);
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, inPlace(value, find, within)]));
}

/** Names are left out: the same shape may go by one here and by another there. */
function shapeOf(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(shapeOf);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).filter(([key, value]) => !(['$schema', '$id', 'id'].includes(key) && typeof value === 'string') && !(key === 'pattern' && 'format' in schema)).map(([key, value]) => [key, shapeOf(value)]));
}
