import { parseOrThrow, putSecretSchema, secretNameSchema } from '@bullpen/core';
import type { SecretStore } from '@bullpen/db';
import { Router, type Request } from 'express';

import { tenant } from '../auth/authenticate.ts';

const nameOf = (req: Request<{ name: string }>) => parseOrThrow(secretNameSchema, req.params.name, 'secret name');

/** `/v1/secrets`: written and deleted here, listed by name, never read back. */
export function secretRoutes({ secrets }: { secrets: SecretStore }): Router {
  const router = Router();

  router.get('/secrets', async (req, res) => {
    res.json({ items: await secrets.list(tenant(req, res)) });
  });

  router.put('/secrets/:name', async (req, res) => {
    const orgId = tenant(req, res);
    const name = nameOf(req);
    const { value } = parseOrThrow(putSecretSchema, req.body);
    const secret = await secrets.put(orgId, name, value);
    res.status(secret.version === 1 ? 201 : 200).json(secret);
  });

  router.delete('/secrets/:name', async (req, res) => {
    await secrets.delete(tenant(req, res), nameOf(req));
    res.status(204).end();
  });

  return router;
}
