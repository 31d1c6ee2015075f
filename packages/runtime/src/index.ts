/** Containers, memory pools and the tiers of wall: what runs agents on one worker. */
export {
  createAgentRuntimeManager, type AgentRuntimeManager, type AgentRuntimeManagerOptions, type KillTarget, type Killed,
} from './agent-runtime-manager.ts';
export type { Admission, AdmittedAgent } from './admission.ts';
export { reportIsolation } from './cell/report-isolation.ts';
export type { BundleSource } from './bundle-cache.ts';
export { isRange } from './egress/address-ranges.ts';
export { createGuardedPost, type GuardedAnswer, type GuardedPost, type GuardedPostOptions, type GuardedRequest } from './egress/guarded-post.ts';
export type { EgressOptions } from './egress/egress-gateway.ts';
export type { HostServices, KvOwner, KvStore, SecretSource } from './host/host-services.ts';
export type {
  AttemptHost, AttemptRequest, AttemptSink, ContainerFactory, ContainerPlan, ContainerTask, RuntimeContainer, TierDrivers,
} from './container.ts';
export { createThreadContainers, type ThreadContainerOptions } from './thread-container.ts';
