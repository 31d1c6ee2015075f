import { BullpenError, doctorRequestSchema, isId, orgIdSchema, parseOrThrow } from '@bullpen/core';
import { Router } from 'express';

import { examine, type DoctorDeps } from '../doctor/doctor.ts';
import { orderKill, type KillDeps } from './operator-kill.ts';

export type InterventionDeps = KillDeps & DoctorDeps;

/** Where an operator steps in: kills, and the doctor. */
export function interventionRoutes(deps: InterventionDeps): Router {
  const router = Router();

  router.post('/runtime/containers/:containerId/kill', async (req, res) => {
    const { containerId } = req.params;
    if (!isId('container', containerId)) throw new BullpenError('NOT_FOUND', 'there is no such container');
    res.status(202).json(await orderKill(deps, { containerId }));
  });

  router.post('/runtime/runs/:orgId/:runId/kill', async (req, res) => {
    const orgId = parseOrThrow(orgIdSchema, req.params.orgId, 'organization id');
    const { runId } = req.params;
    if (!isId('run', runId)) throw new BullpenError('NOT_FOUND', 'there is no such run');
    res.status(202).json(await orderKill(deps, { orgId, runId }));
  });

  router.post('/doctor', async (req, res) => {
    const { repair } = parseOrThrow(doctorRequestSchema, req.body ?? {});
    res.json(await examine(deps, { repair }));
  });

  return router;
}
