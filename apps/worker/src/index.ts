export { loadConfig } from './config.ts';
export { Scheduler, type SchedulerDeps } from './scheduler.ts';
export { createWorker, type BullpenWorker } from './wiring.ts';
