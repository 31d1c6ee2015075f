import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { may, ORGANIZATION_ROLES, type AuditEntry, type OrganizationRole } from '@bullpen/core';
import { createClient } from '@bullpen/sdk';

import { documentedOperations, pathWith, type DocumentedOperation } from '../system/api-document.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** Stands in everything of acme that could leak. */
const MARK = 'only-acme-may-see-this';

interface Called {
  operation: DocumentedOperation;
  status: number;
  text: string;
}

/** Every route of the document, called as each role, and as an owner of another organization: made from the document itself. */
describe('the routes of the OpenAPI document', () => {
  let system: RunningSystem;
  let url: string;
  let operations: DocumentedOperation[];
  let keys: Record<OrganizationRole, string>;
  let stranger: string;
  let ids: Record<string, Record<string, string>>;

  const makeKey = async (orgId: string, role: OrganizationRole, name: string = role) => {
    const answer = await request('POST', '/v1/keys', ADMIN_KEY, { orgId, role, name });
    return JSON.parse(answer.text) as { id: string; secret: string };
  };
  const request = async (method: string, path: string, key: string | null, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  };

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    url = system.apis[0]?.url() ?? '';
    // What takes away comes last, so that the others have something to be about.
    operations = (await documentedOperations(url)).filter((one) => one['x-bullpen-scope'] !== 'public')
      .sort((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
    await system.organization('acme');
    await system.organization('globex');
    const made = await Promise.all(ORGANIZATION_ROLES.map(async (role) => [role, (await makeKey('acme', role)).secret] as const));
    keys = Object.fromEntries(made) as Record<OrganizationRole, string>;
    stranger = (await makeKey('globex', 'owner')).secret;
    ids = await fillAcme();
  });
  afterAll(async () => { await system.stop(); });

  /** Values for the parameters of acme's paths, by the first part of the path. */
  async function fillAcme(): Promise<Record<string, Record<string, string>>> {
    const acme = createClient({ baseUrl: url, apiKey: keys.owner });
    await deploy(acme, 'echo', 'async (input) => input', { description: MARK });
    await deploy(acme, 'echo', 'async (input) => [input]', { description: MARK }); // for a canary: a rollback that changes nothing is refused
    const run = await acme.runs.create({ agent: 'echo', input: MARK, metadata: { mark: MARK } }, { wait: '30s' });
    await request('POST', '/v1/schedules', keys.owner, { name: 'nightly', cron: '0 3 * * *', run: { agent: 'echo', input: MARK } });
    await request('PUT', '/v1/agents/echo/deployments/production', keys.owner, { version: 1 });
    const key = await makeKey('acme', 'viewer', MARK);
    const webhook = await acme.webhooks.create({ url: 'https://receiver.example/hook', eventTypes: ['run.*'], description: MARK });
    const delivery = await acme.webhooks.test(webhook.id);
    await acme.triggers.create({ name: 'inbox', run: { agent: 'echo', metadata: { mark: MARK } } });
    return {
      runs: { id: run.id }, agents: { name: 'echo', version: '1', deployment: 'production' }, schedules: { name: 'nightly' }, keys: { id: key.id }, organizations: { id: 'acme' },
      webhooks: { id: webhook.id, deliveryId: delivery.id }, triggers: { name: 'inbox' },
      admin: { orgId: 'acme', runId: run.id, deliveryId: delivery.id, containerId: 'ctr_01m81vk6bxqcdc9t2x8e6dbdg4' },
    };
  }

  const pathIn = (operation: DocumentedOperation) => pathWith(operation, ids[operation.path.split('/')[2] ?? ''] ?? {});
  const bodyOf = ({ operationId, requestBody }: DocumentedOperation): unknown => {
    const known: Record<string, unknown> = {
      createRun: { agent: 'echo' }, createSchedule: { name: 'weekly', cron: '0 3 * * 1', run: { agent: 'echo' } }, changeSchedule: { cron: '0 4 * * *' },
      createRunBatch: { runs: [{ agent: 'echo' }] }, putSecret: { value: 'shh' }, previewNewSchedule: { cron: '0 3 * * *' }, createAgentVersion: { bundle: 'export default async () => 2;\n' },
      putDeployment: { version: 1, canary: { version: 2, percent: 50 } }, rollBackDeployment: { version: 1 }, cancelRuns: { filter: { agent: 'echo' } }, replayRuns: { filter: { agent: 'echo' }, dryRun: true },
      createWebhook: { url: 'https://receiver.example', eventTypes: ['run.*'] }, replayFailedDeliveries: { since: '2026-01-01T00:00:00Z' }, createTrigger: { name: 'outbox', run: { agent: 'echo' } },
    };
    return requestBody === undefined ? undefined : (known[operationId] ?? {});
  };
  const callAll = async (key: string | null, headers: Record<string, string> = {}): Promise<Called[]> => {
    const called: Called[] = [];
    for (const operation of operations) called.push({ operation, ...(await request(operation.method, pathIn(operation), key, bodyOf(operation), headers)) });
    return called;
  };
  const acmeNow = async () => Promise.all(
    [`/v1/runs/${ids['runs']?.['id']}`, '/v1/schedules/nightly', `/v1/keys/${ids['keys']?.['id']}`, '/v1/agents/echo/versions', '/v1/runs', '/v1/schedules', '/v1/keys', `/v1/webhooks/${ids['webhooks']?.['id']}`, '/v1/webhooks', '/v1/triggers'].map(async (path) => {
      // When a key was last used is the one thing that looking changes.
      return (await request('GET', path, keys.owner)).text.replace(/"(lastUsedAt|failingSince)":("[^"]*"|null)/g, '');
    }),
  );

  it('ask for a key', async () => {
    for (const [key, count] of [[null, operations.length], ['bp_wrong', operations.length]] as const) {
      const refused = (await callAll(key)).filter(({ status, text }) => status === 401 && text.includes('UNAUTHENTICATED'));
      expect(refused.length).toBe(count);
    }
  });

  it('show nothing of an organization to the owner of another one, and change nothing in it', async () => {
    const before = await acmeNow();
    const called = [...(await callAll(stranger)), ...(await callAll(stranger, { 'x-bullpen-org': 'acme' }))];
    for (const { operation, status, text } of called) {
      expect([operation.operationId, status < 500, text.includes(MARK)]).toEqual([operation.operationId, true, false]);
      const namesAcme = /\{(id|runId|orgId)\}/.test(operation.path);
      if (namesAcme) expect([operation.operationId, status >= 400]).toEqual([operation.operationId, true]);
    }
    const asked = called.slice(operations.length).filter(({ operation }) => operation['x-bullpen-scope'] === 'organization');
    expect(asked.filter(({ status }) => status !== 403).map(({ operation }) => operation.operationId)).toEqual([]);
    expect(await acmeNow()).toEqual(before);
  });

  it('let each role do what the one table of permissions says, and no more', async () => {
    for (const role of ORGANIZATION_ROLES) {
      for (const { operation, status, text } of await callAll(keys[role])) {
        const permission = operation['x-bullpen-permission'];
        const expected = permission !== undefined && may(role, permission) ? 'let in' : 'refused';
        const place = `${operation.operationId} as ${role}`;
        expect([place, status === 403 ? 'refused' : 'let in']).toEqual([place, expected]);
        expect([place, status < 500, status === 401]).toEqual([place, true, false]);
        if (status >= 400) expect(JSON.parse(text)).toMatchObject({ status, code: expect.any(String), requestId: expect.any(String) });
      }
    }
  });

  it('let the platform admin into every organization by name', async () => {
    for (const { operation, status } of await callAll(ADMIN_KEY, { 'x-bullpen-org': 'acme' })) {
      expect([operation.operationId, status === 401 || status === 403 || status >= 500]).toEqual([operation.operationId, false]);
    }
  });

  it('leave an entry in the audit log for every write, with what was there and what is', async () => {
    const entries: AuditEntry[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = JSON.parse((await request('GET', `/v1/audit?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`, keys.owner)).text) as { items: AuditEntry[]; nextCursor: string | null };
      entries.push(...page.items);
      cursor = page.nextCursor;
    }
    const written = new Set(entries.map(({ action }) => action));
    for (const action of ['createRun', 'replayRun', 'cancelRuns', 'createAgentVersion', 'createSchedule', 'changeSchedule', 'deleteSchedule', 'createKey', 'rotateKey', 'revokeKey', 'changeOrganization', 'putDeployment', 'rollBackDeployment', 'deleteDeployment', 'createWebhook', 'changeWebhook', 'deleteWebhook', 'rotateWebhookSecret', 'testWebhook', 'replayDelivery', 'replayFailedDeliveries', 'createTrigger', 'changeTrigger', 'rotateTrigger', 'deleteTrigger']) {
      expect(written).toContain(action);
    }
    const unaudited = operations.filter((one) => one.method !== 'GET' && one['x-bullpen-audited'] !== true).map(({ operationId }) => operationId);
    expect(unaudited).toEqual(['previewNewSchedule']);
    const changed = entries.find(({ action }) => action === 'changeSchedule');
    expect(changed).toMatchObject({ target: 'schedule/nightly', before: { name: 'nightly' }, after: { cron: '0 4 * * *' } });
    expect(entries.find(({ action }) => action === 'deleteSchedule')).toMatchObject({ before: { name: 'nightly' }, after: null });
    expect(JSON.stringify(entries)).not.toMatch(/bp_[\w-]{43}|whsec_|\/v1\/hooks\//);
  });
});
