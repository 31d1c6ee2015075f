import { agentNameSchema, agentPageSchema, agentVersionSchema, createVersionSchema, SIZE_CAPS, versionPageSchema } from '@bullpen/core';
import { createAgentVersion, listAgents, listVersions, type Database } from '@bullpen/db';
import type { SchemaChecker } from '@bullpen/json-schema';
import { z } from 'zod';

import { pageQuerySchema } from '../http/page-query.ts';
import { ok, route, type Route } from '../http/route.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import { checkBundle, checkManifest } from './new-version.ts';

/** JSON writes a character of a bundle in up to six bytes, but hardly ever does; twice the cap plus the rest is ample. */
const BUNDLE_BODY_BYTES = 2 * SIZE_CAPS.bundleBytes + 64 * 1024;

const tag = 'agents';
const agentParams = z.strictObject({ name: agentNameSchema });

/** `/v1/agents` and their versions. */
export function agentRoutes({ db, organizations, schemas }: { db: Database; organizations: OrganizationDirectory; schemas: SchemaChecker }): Route[] {
  return [
    route({
      method: 'get', path: '/v1/agents', operationId: 'listAgents', tag, scope: 'organization', permission: 'agents:read',
      summary: 'List agents, newest first', query: pageQuerySchema,
      answer: { statuses: { 200: 'a page of agents' }, schema: agentPageSchema },
      handle: async ({ orgId, query }) => ok(await listAgents(db, orgId, query)),
    }),
    route({
      method: 'get', path: '/v1/agents/{name}/versions', operationId: 'listAgentVersions', tag, scope: 'organization', permission: 'agents:read',
      summary: 'List versions of an agent, newest first', params: agentParams, query: pageQuerySchema,
      answer: { statuses: { 200: 'a page of versions; empty where there is no such agent' }, schema: versionPageSchema },
      handle: async ({ orgId, params, query }) => ok(await listVersions(db, orgId, params.name, query)),
    }),
    route({
      method: 'post', path: '/v1/agents/{name}/versions', operationId: 'createAgentVersion', tag, scope: 'organization', permission: 'agents:write',
      summary: 'Upload a version of an agent, unless the newest is the same', params: agentParams, body: createVersionSchema,
      bodyBytes: BUNDLE_BODY_BYTES, idempotency: 'kept', audit: { target: ({ params }, { version }) => `agent/${params.name}/versions/${version}` },
      answer: { statuses: { 200: 'the newest version is the same', 201: 'a new version' }, schema: agentVersionSchema },
      errors: ['NOT_FOUND', 'BUNDLE_INVALID', 'BUNDLE_HASH_MISMATCH', 'SCHEMA_INVALID', 'SCHEMA_TOO_COSTLY', 'TIER_UNAVAILABLE', 'LIMIT_EXCEEDED'],
      async handle({ orgId, params, body: { manifest, bundle, sha256: declared } }) {
        const sha256 = checkBundle(bundle, declared);
        checkManifest(manifest, await organizations.get(orgId));
        for (const schema of [manifest.inputSchema, manifest.outputSchema]) if (schema !== undefined) await schemas.compile(schema);
        const { version, created } = await createAgentVersion(db, orgId, { agent: params.name, manifest, bundle, sha256 });
        return { status: created ? 201 : 200, body: version };
      },
    }),
  ];
}
