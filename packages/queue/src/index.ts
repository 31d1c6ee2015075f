/** The queue: one BullMQ queue per organization, taken fairly over a handful of connections; and the live bus. */
export { createRunQueue, type ConsumerOptions, type RunQueueOptions } from './create-run-queue.ts';
export type { RunQueue } from './run-queue.ts';
export type { TakenRun } from './taken-run.ts';
export type { RunUse } from './run-cost.ts';
export { migrateQueue } from './postgres/migrate.ts';
export { createLiveBus, type LiveBus, type LiveBusOptions } from './live/live-bus.ts';
export type { LiveListener } from './live/shared-subscriptions.ts';
export { HEARTBEAT_PATTERN, cancelTopic, heartbeatTopic, runTopic } from './live/topics.ts';
