import { adminRoutes } from '../admin/admin-routes.ts';
import { agentRoutes } from '../agents/agent-routes.ts';
import { deploymentRoutes } from '../agents/deployment-routes.ts';
import { alertRoutes } from '../alerts/alert-routes.ts';
import { keyRoutes } from '../keys/key-routes.ts';
import { organizationRoutes } from '../organizations/organization-routes.ts';
import { runRoutes } from '../runs/run-routes.ts';
import { secretRoutes } from '../secrets/secret-routes.ts';
import { scheduleRoutes } from '../schedules/schedule-routes.ts';
import { triggerRoutes } from '../triggers/trigger-routes.ts';
import { webhookRoutes } from '../webhooks/webhook-routes.ts';
import type { AppDeps } from './app-deps.ts';
import { documentRoute } from './document-route.ts';
import { probeRoutes } from './probe-routes.ts';
import type { Route } from './route.ts';

/** Every route there is. More special paths stand before those with a parameter in the same place. */
export function allRoutes(deps: AppDeps): Route[] {
  const routes = [
    ...runRoutes(deps), ...agentRoutes(deps), ...deploymentRoutes(deps), ...scheduleRoutes(deps), ...keyRoutes(deps), ...organizationRoutes(deps), ...secretRoutes(deps), ...alertRoutes(deps),
    ...webhookRoutes(deps), ...triggerRoutes(deps), ...adminRoutes(deps),
    ...probeRoutes(deps),
  ];
  return [...routes, documentRoute(routes)];
}
