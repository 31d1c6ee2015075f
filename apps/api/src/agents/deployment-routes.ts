import {
  agentNameSchema, canaryHealth, canaryHealthSchema, deploymentNameSchema, deploymentPageSchema, deploymentSchema, putDeploymentSchema, rollbackSchema,
  BullpenError, type Deployment,
} from '@bullpen/core';
import { deleteDeployment, getDeployment, listDeployments, putDeployment, rollBackDeployment, sampleVersions, type Database } from '@bullpen/db';
import { z } from 'zod';

import { pageQuerySchema } from '../http/page-query.ts';
import { noContent, ok, route, type Route } from '../http/route.ts';

const tag = 'deployments';
const agentParams = z.strictObject({ name: agentNameSchema });
const deploymentParams = z.strictObject({ name: agentNameSchema, deployment: deploymentNameSchema });
type Params = z.output<typeof deploymentParams>;

const PATH = '/v1/agents/{name}/deployments/{deployment}';
const refOf = ({ name, deployment }: Params) => ({ agent: name, name: deployment });
const oneDeployment = (statuses: Record<number, string>) => ({ statuses, schema: deploymentSchema });

/** `/v1/agents/{name}/deployments`. */
export function deploymentRoutes({ db }: { db: Database }): Route[] {
  return [...readingRoutes(db), ...writingRoutes(db)];
}

function readingRoutes(db: Database): Route[] {
  const shared = { method: 'get', tag, scope: 'organization', permission: 'agents:read' } as const;
  return [
    route({
      ...shared, path: '/v1/agents/{name}/deployments', operationId: 'listDeployments', summary: 'List the deployments of an agent, by name',
      params: agentParams, query: pageQuerySchema, answer: { statuses: { 200: 'a page of deployments' }, schema: deploymentPageSchema },
      handle: async ({ orgId, params, query }) => ok(await listDeployments(db, orgId, params.name, query)),
    }),
    route({
      ...shared, path: PATH, operationId: 'getDeployment', summary: 'Get a deployment', params: deploymentParams,
      answer: oneDeployment({ 200: 'the deployment' }), errors: ['NOT_FOUND'],
      handle: async ({ orgId, params }) => ok(await getDeployment(db, orgId, refOf(params))),
    }),
    route({
      ...shared, path: `${PATH}/health`, operationId: 'getCanaryHealth', summary: 'Compare a canary with the stable version', params: deploymentParams,
      answer: { statuses: { 200: 'what their ended runs say' }, schema: canaryHealthSchema }, errors: ['NOT_FOUND'],
      handle: async ({ orgId, params }) => ok(await healthOf(db, await getDeployment(db, orgId, refOf(params)))),
    }),
  ];
}

function writingRoutes(db: Database): Route[] {
  const shared = { tag, scope: 'organization', params: deploymentParams } as const;
  const audit = {
    target: ({ params }: { params: Params }) => `agent/${params.name}/deployments/${params.deployment}`,
    before: ({ orgId, params }: { orgId: string; params: Params }) => getDeployment(db, orgId, refOf(params)),
  };
  return [
    route({
      ...shared, method: 'put', path: PATH, operationId: 'putDeployment', permission: 'agents:write', audit, body: putDeploymentSchema,
      summary: 'Point a deployment at a version, with or without a canary beside it', errors: ['AGENT_NOT_FOUND', 'NOT_FOUND'],
      answer: oneDeployment({ 200: 'the deployment as it is now', 201: 'a new deployment' }),
      async handle({ orgId, params, body }) {
        const { deployment, created } = await putDeployment(db, orgId, refOf(params), body);
        return { status: created ? 201 : 200, body: deployment };
      },
    }),
    route({
      ...shared, method: 'post', path: `${PATH}/rollback`, operationId: 'rollBackDeployment', permission: 'agents:operate', audit, body: rollbackSchema,
      idempotency: 'kept', summary: 'Go back: out of a canary, else to the stable version before, else to the one that is named',
      errors: ['AGENT_NOT_FOUND', 'NOT_FOUND', 'NOTHING_TO_ROLL_BACK'], answer: oneDeployment({ 200: 'the deployment as it is now' }),
      handle: async ({ orgId, params, body }) => ok(await rollBackDeployment(db, orgId, refOf(params), body.version)),
    }),
    route({
      ...shared, method: 'delete', path: PATH, operationId: 'deleteDeployment', permission: 'agents:write', audit,
      summary: 'Delete a deployment; its versions stay', answer: { statuses: { 204: 'it is gone' } }, errors: ['NOT_FOUND'],
      async handle({ orgId, params }) {
        await deleteDeployment(db, orgId, refOf(params));
        return noContent();
      },
    }),
  ];
}

/** As a first look would judge it, without taking the look. */
async function healthOf(db: Database, deployment: Deployment) {
  const policy = deployment.canary?.policy;
  if (!policy) throw new BullpenError('NOT_FOUND', `deployment ${deployment.name} of ${deployment.agent} has no canary that is watched`);
  const { stable, canary } = await sampleVersions(db, deployment);
  const { looks: _, ...health } = canaryHealth(stable, canary, policy, 0);
  return health;
}
