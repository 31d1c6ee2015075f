import type { Logger } from '@bullpen/core';
import type { SchemaChecker } from '@bullpen/json-schema';
import type { ApiPrometheus } from '@bullpen/metrics';
import type { RunStore, SecretStore, SigningSecrets } from '@bullpen/db';
import type { LiveBus } from '@bullpen/queue';

import type { RuntimeStatusDeps } from '../admin/runtime-status.ts';
import type { StatusBoard } from '../admin/status-board.ts';
import type { OrganizationDirectory } from '../organizations/organization-directory.ts';
import type { RunService } from '../runs/run-service.ts';
import type { ServeDeps } from './serve.ts';

/** What the HTTP face is made of. */
export interface AppDeps extends RuntimeStatusDeps, ServeDeps {
  store: RunStore;
  bus: LiveBus;
  organizations: OrganizationDirectory;
  runs: RunService;
  secrets: SecretStore;
  signing: SigningSecrets;
  schemas: SchemaChecker;
  prometheus: ApiPrometheus;
  status: StatusBoard;
  log: Logger;
  /** Origins whose pages may call /v1. */
  corsOrigins: readonly string[];
  /** What URLs that the API makes begin with; undefined: as the caller reached it. */
  publicUrl: string | undefined;
  /** Aborts when the process stops. */
  closing: AbortSignal;
}
