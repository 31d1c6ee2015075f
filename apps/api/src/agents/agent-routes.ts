import { createHash } from 'node:crypto';

import {
  agentNameSchema, BullpenError, checkTier, createVersionSchema, cursorSchema, pageLimitSchema, parseOrThrow, SIZE_CAPS,
  type AgentManifest, type Organization,
} from '@bullpen/core';
import { createAgentVersion, listAgents, listVersions, type Database } from '@bullpen/db';
import { Router } from 'express';
import { z } from 'zod';

import { tenant } from '../auth/authenticate.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';

const pageQuerySchema = z.strictObject({ cursor: cursorSchema.optional(), limit: pageLimitSchema });
const pageOf = (query: unknown) => {
  const { limit, cursor } = parseOrThrow(pageQuerySchema, query, 'query');
  return { limit, ...(cursor === undefined ? {} : { cursor }) };
};

/** `/v1/agents` and their versions. */
export function agentRoutes(deps: { db: Database; organizations: OrganizationDirectory }): Router {
  const { db, organizations } = deps;
  const router = Router();

  router.get('/agents', async (req, res) => {
    res.json(await listAgents(db, tenant(req, res), pageOf(req.query)));
  });

  router.get('/agents/:name/versions', async (req, res) => {
    const agent = parseOrThrow(agentNameSchema, req.params.name, 'agent name');
    res.json(await listVersions(db, tenant(req, res), agent, pageOf(req.query)));
  });

  router.post('/agents/:name/versions', async (req, res) => {
    const orgId = tenant(req, res);
    const agent = parseOrThrow(agentNameSchema, req.params.name, 'agent name');
    const { manifest, bundle, sha256: declared } = parseOrThrow(createVersionSchema, req.body);
    const sha256 = checkBundle(bundle, declared);
    checkManifest(manifest, await organizations.get(orgId));
    const { version, created } = await createAgentVersion(db, orgId, { agent, manifest, bundle, sha256 });
    res.status(created ? 201 : 200).json(version);
  });

  return router;
}

function checkBundle(bundle: string, declared: string | undefined): string {
  const bytes = Buffer.byteLength(bundle);
  if (bytes > SIZE_CAPS.bundleBytes) throw new BullpenError('INPUT_TOO_LARGE', `the bundle has ${bytes} bytes, the cap is ${SIZE_CAPS.bundleBytes}`);
  if (bundle.includes('\u0000') || !bundle.isWellFormed()) {
    throw new BullpenError('BUNDLE_INVALID', 'the bundle holds a NUL character or a lone surrogate');
  }
  const sha256 = createHash('sha256').update(bundle).digest('hex');
  if (declared !== undefined && declared !== sha256) {
    throw new BullpenError('BUNDLE_HASH_MISMATCH', `the bundle has sha256 ${sha256}, the request declares ${declared}`, { sha256, declared });
  }
  return sha256;
}

function checkManifest(manifest: AgentManifest, organization: Organization): void {
  checkTier(manifest.tier, organization.minimumTier);
  if (manifest.memoryMb !== undefined && manifest.memoryMb > organization.maxMemoryMb) {
    throw new BullpenError('LIMIT_EXCEEDED', `memoryMb ${manifest.memoryMb} is beyond the organization's ${organization.maxMemoryMb}`);
  }
}
