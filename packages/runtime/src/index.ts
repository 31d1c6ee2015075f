/** Containers, memory pools and the tiers of wall: what runs agents on one worker. */
export {
  createAgentRuntimeManager, type Admission, type AgentRuntimeManager, type AgentRuntimeManagerOptions,
} from './agent-runtime-manager.ts';
export type { BundleSource } from './bundle-cache.ts';
export type {
  AttemptRequest, AttemptSink, ContainerFactory, ContainerPlan, ContainerTask, RuntimeContainer, TierDrivers,
} from './container.ts';
export { createThreadContainers, type ThreadContainerOptions } from './thread-container.ts';
