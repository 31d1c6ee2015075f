export { loadConfig } from './config.ts';
export { Reconciler, type ReconcilerDeps } from './reconciler.ts';
export { Scheduler, type SchedulerDeps } from './scheduler.ts';
export { createWorker, type BullpenWorker } from './wiring.ts';
