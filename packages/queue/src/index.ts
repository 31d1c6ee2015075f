/** The queue: one BullMQ queue per organization, taken fairly over a handful of connections; and the live bus. */
export { bullQueueAddress } from './bull-queue-address.ts';
export { createRunQueue, type ConsumerOptions, type RunQueueOptions } from './create-run-queue.ts';
export type { RunQueue } from './run-queue.ts';
export type { TakenRun } from './taken-run.ts';
export type { RunUse } from './run-cost.ts';
export { createLaneQueue, type LaneQueue, type LaneQueueOptions } from './lanes/lane-queue.ts';
export { migrateQueue } from './postgres/migrate.ts';
export { createLiveBus, type LiveBus, type LiveBusOptions } from './live/live-bus.ts';
export type { LiveListener } from './live/live-transport.ts';
export { HEARTBEAT_PATTERN, cancelTopic, heartbeatTopic, killTopic, runTopic } from './live/topics.ts';

/** Fairness, simulated and measured. */
export { jainIndex, worstShareError } from './fair/measures.ts';
export { simulate } from './fair/simulate.ts';
export type { Arrivals, RunShape, Scenario, SimulatedOrganization, SimulatedShare, SimulationResult } from './fair/scenario.ts';
export { MemoryDispatch } from './fair/memory-dispatch.ts';
export { openRedisDispatch, type OpenDispatch } from './fair/open-redis-dispatch.ts';
export { VirtualClock } from './fair/virtual-clock.ts';
export { createRandom, type Random } from './fair/random.ts';
export type { ChargedRun, Dispatch, RunEnd, TurnResult } from './dispatch.ts';
export type { AdjustmentNext, ReadySet } from './ready-set.ts';
