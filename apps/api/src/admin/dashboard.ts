import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Router, static as serveStatic } from 'express';

const DIST = fileURLToPath(new URL('../../../dashboard/dist', import.meta.url));

/** The built dashboard; without a build, a sentence that says how to make one. */
export function dashboard(): Router {
  const router = Router();
  router.use(serveStatic(DIST, { index: 'index.html', redirect: true, setHeaders: (res, path) => {
    res.setHeader('Cache-Control', path.endsWith('.html') ? 'no-cache' : 'public, max-age=31536000, immutable');
  } }));
  router.get('/', (_req, res, next) => {
    if (existsSync(DIST)) next();
    else res.status(503).type('text/plain').send('The dashboard is not built. Run: npx pnpm --filter @bullpen/dashboard build\n');
  });
  return router;
}
