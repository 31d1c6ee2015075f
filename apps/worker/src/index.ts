export { loadConfig } from './config.ts';
export { RecordUpkeep, type RecordUpkeepDeps } from './record-upkeep.ts';
export { Scheduler, type SchedulerDeps } from './scheduler.ts';
export { createWorker, type BullpenWorker } from './wiring.ts';
