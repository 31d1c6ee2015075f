import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { Router, static as serveStatic } from 'express';
import helmet from 'helmet';

/** swagger-ui as npm delivers it: nothing is loaded from elsewhere. */
const ASSETS = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const SERVED = ['/swagger-ui.css', '/swagger-ui-bundle.js', '/favicon-32x32.png'];

const PAGE = `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Bullpen API</title>
  <link rel="icon" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="api"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#api', deepLinking: true, validatorUrl: null, displayOperationId: true, docExpansion: 'list' });
`;

/** `/docs`: /openapi.json to read and to try out in a browser. swagger-ui writes style attributes and inline images. */
export function docsPage(): Router {
  const router = Router();
  router.use(helmet.contentSecurityPolicy({
    directives: { defaultSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'], upgradeInsecureRequests: null },
  }));
  router.get('/', (_req, res) => { res.type('html').send(PAGE); });
  router.get('/start.js', (_req, res) => { res.type('text/javascript').send(START); });
  const assets = serveStatic(ASSETS, { index: false, maxAge: '1d' });
  router.use((req, res, next) => (SERVED.includes(req.path) ? assets(req, res, next) : next()));
  return router;
}
