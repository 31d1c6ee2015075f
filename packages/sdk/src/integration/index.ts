/** For products that execute agents already: the runtime beside, and then instead of, the engine that is there. */
export { RuntimeIntegratedExecutionEngine, type ExecutionCounts, type RuntimeIntegrationOptions } from './engine.ts';
export type { AgentSource, DeployedAgent, InlineAgent, InlineModule, ReadAgent, SteppedAgent } from './agent-source.ts';
export type { BackendCall, RuntimeBackend } from './backend.ts';
export type { Difference } from './differences.ts';
export type {
  ExecutionContext, ExecutionEngine, ExecutionError, ExecutionLogLine, ExecutionReason, ExecutionResult, ExistingAnswer,
} from './execution.ts';
export { NOT_EXECUTED, type FallbackOptions } from './fallback.ts';
export { httpBackend, type HttpBackendOptions } from './http-backend.ts';
export { isRamped, type RampOptions } from './ramp.ts';
export type { ShadowCounts, ShadowOptions, ShadowReport } from './shadow.ts';
export { runLocally, type ExecuteAttempt, type LocalAgent, type LocalAttempt, type LocalRun, type LocalRunDeps } from '../local/local-run.ts';
export type { LocalSink } from '../local/event-book.ts';
