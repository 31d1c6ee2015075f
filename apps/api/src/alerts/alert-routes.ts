import {
  acknowledgeSchema, BullpenError, createAlertRuleSchema, createSilenceSchema, listAlertsSchema, newId, parseOrThrow, type AlertRule, type AlertSilence, type Clock,
} from '@bullpen/core';
import {
  acknowledgeAlert, deleteAlertRule, deleteAlertSilence, enableAlertRule, insertAlertRule, insertAlertSilence, listAlertRules, listAlertSilences, listAlerts,
  type AlertOwner, type Database,
} from '@bullpen/db';
import { newWebhookSecret } from '@bullpen/metrics';
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';

const enableSchema = z.strictObject({ enabled: z.boolean() });

/** `owner`: whose alerts these are, by the request: an organization's, or null for the platform. */
export interface AlertRoutesDeps {
  db: Database;
  clock: Clock;
  owner: (req: Request, res: Response) => AlertOwner;
}

/** `/alerts`, `/alert-rules` and `/alert-silences`: under `/v1` for an organization, under `/api/admin` for the platform. */
export function alertRoutes(deps: AlertRoutesDeps): Router {
  const { db, clock, owner } = deps;
  const router = Router();

  router.get('/alerts', async (req, res) => {
    res.json({ items: await listAlerts(db, owner(req, res), parseOrThrow(listAlertsSchema, req.query, 'query')) });
  });

  router.post('/alerts/:id/acknowledge', async (req, res) => {
    const { by } = parseOrThrow(acknowledgeSchema, req.body ?? {});
    res.json(await acknowledgeAlert(db, owner(req, res), idOf(req), by, clock.nowMs()));
  });

  router.use(ruleRoutes(deps), silenceRoutes(deps));
  return router;
}

function ruleRoutes({ db, clock, owner }: AlertRoutesDeps): Router {
  const router = Router();

  router.get('/alert-rules', async (req, res) => {
    res.json({ items: await listAlertRules(db, owner(req, res)) });
  });

  router.post('/alert-rules', async (req, res) => {
    const orgId = owner(req, res);
    const asked = parseOrThrow(createAlertRuleSchema, req.body);
    if (orgId !== null && asked.measure === 'heartbeat_age_ms') throw new BullpenError('FORBIDDEN', 'workers are the platform\'s');
    const rule: AlertRule = { ...asked, id: newId('alertRule'), orgId, createdAt: new Date(clock.nowMs()).toISOString() };
    const secret = rule.webhookUrl === null ? null : newWebhookSecret();
    await insertAlertRule(db, { ...rule, webhookSecret: secret });
    res.status(201).json({ ...rule, secret });
  });

  router.patch('/alert-rules/:id', async (req, res) => {
    const { enabled } = parseOrThrow(enableSchema, req.body);
    res.json(await enableAlertRule(db, owner(req, res), idOf(req), enabled));
  });

  router.delete('/alert-rules/:id', async (req, res) => {
    await deleteAlertRule(db, owner(req, res), idOf(req));
    res.status(204).end();
  });

  return router;
}

function silenceRoutes({ db, clock, owner }: AlertRoutesDeps): Router {
  const router = Router();

  router.get('/alert-silences', async (req, res) => {
    res.json({ items: await listAlertSilences(db, owner(req, res), clock.nowMs()) });
  });

  router.post('/alert-silences', async (req, res) => {
    const orgId = owner(req, res);
    const { minutes, ...asked } = parseOrThrow(createSilenceSchema, req.body);
    const nowMs = clock.nowMs();
    if (asked.ruleId !== null && !(await listAlertRules(db, orgId)).some(({ id }) => id === asked.ruleId)) throw new BullpenError('NOT_FOUND', 'there is no such alert rule');
    const silence: AlertSilence = { ...asked, id: newId('silence'), orgId, until: new Date(nowMs + minutes * 60_000).toISOString(), createdAt: new Date(nowMs).toISOString() };
    await insertAlertSilence(db, silence);
    res.status(201).json(silence);
  });

  router.delete('/alert-silences/:id', async (req, res) => {
    await deleteAlertSilence(db, owner(req, res), idOf(req));
    res.status(204).end();
  });

  return router;
}

/** What cannot be an id is not looked for: Postgres cannot be asked about every text. */
function idOf(req: Request): string {
  const { id } = req.params;
  if (typeof id !== 'string' || !/^[a-z]{3}_[a-z0-9_]{1,60}$/.test(id)) throw new BullpenError('NOT_FOUND', 'there is no such thing');
  return id;
}
