import type { CreateRunRequest, StoredRunEvent } from '@bullpen/core';

import type { LocalRun } from '../local/local-run.ts';
import type { ReadAgent } from './agent-source.ts';

/** Where runs are executed: over HTTP (`httpBackend`), or in this process (`createEmbeddedRuntime` of `@bullpen/embedded`). */
export interface RuntimeBackend {
  /**
   * Executes an agent to its end. How the run ended is in the run.
   * @throws BullpenError why it could not be executed at all; the signal's reason once the run was asked to stop
   */
  execute(agent: ReadAgent, call: BackendCall): Promise<LocalRun>;
}

export interface BackendCall {
  readonly orgId: string | undefined;
  readonly request: Omit<CreateRunRequest, 'agent' | 'version' | 'deployment'>;
  readonly idempotencyKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onEvent: ((event: StoredRunEvent) => void) | undefined;
}
