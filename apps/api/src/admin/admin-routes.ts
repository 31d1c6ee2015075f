import { BullpenError, isId, orgIdSchema, parseOrThrow, runtimeMetricsQuerySchema, type Clock } from '@bullpen/core';
import type { Database } from '@bullpen/db';
import { readRuntimeMetrics } from '@bullpen/metrics';
import type { SecretStore } from '@bullpen/db';
import { Router, type Response } from 'express';
import { z } from 'zod';

import { alertRoutes } from '../alerts/alert-routes.ts';
import { ADMIN_COOKIE, authenticateAdmin, principalOf } from '../auth/authenticate.ts';
import type { ApiKeys } from '../auth/api-keys.ts';
import type { RunService } from '../runs/run-service.ts';
import { interventionRoutes, type InterventionDeps } from './intervention-routes.ts';
import type { StatusBoard } from './status-board.ts';

const sessionSchema = z.strictObject({ key: z.string().min(1).max(500) });

/** `/api/admin`: the operator's JSON, and the session of the operator's browser. */
export function adminRoutes(deps: InterventionDeps & { db: Database; clock: Clock; status: StatusBoard; keys: ApiKeys; runs: RunService; secrets: SecretStore }): Router {
  const router = Router();

  router.post('/session', async (req, res) => {
    const { key } = parseOrThrow(sessionSchema, req.body);
    const principal = await principalOf(deps.keys, key);
    if (principal.role !== 'admin') throw new BullpenError('FORBIDDEN', 'this needs a key of the platform admin');
    setSession(res, key);
    res.status(204).end();
  });

  router.delete('/session', (_req, res) => {
    setSession(res, null);
    res.status(204).end();
  });

  router.use(authenticateAdmin(deps.keys));

  router.get('/runtime/status', async (_req, res) => {
    res.type('application/json').send((await deps.status.latest()).json);
  });

  router.get('/runtime/metrics', async (req, res) => {
    res.json(await readRuntimeMetrics(deps, parseOrThrow(runtimeMetricsQuerySchema, req.query, 'query')));
  });

  router.use(alertRoutes({ ...deps, owner: () => null }));
  router.use(interventionRoutes(deps));

  router.post('/secrets/rewrap', async (_req, res) => {
    res.json(await deps.secrets.rewrapAll());
  });

  router.post('/runs/:orgId/:runId/cancel', async (req, res) => {
    const orgId = parseOrThrow(orgIdSchema, req.params.orgId, 'organization id');
    const { runId } = req.params;
    if (!isId('run', runId)) throw new BullpenError('NOT_FOUND', 'there is no such run');
    res.status(202).json(await deps.runs.cancel(orgId, runId));
  });

  return router;
}

/** SameSite=Strict: another site cannot make the operator's browser send it. */
function setSession(res: Response, key: string | null): void {
  res.cookie(ADMIN_COOKIE, key ?? '', { httpOnly: true, sameSite: 'strict', path: '/', secure: res.req.secure, ...(key === null ? { maxAge: 0 } : {}) });
}
