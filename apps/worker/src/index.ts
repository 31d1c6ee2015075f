export { loadConfig } from './config.ts';
export { createWorker, type BullpenWorker } from './wiring.ts';
