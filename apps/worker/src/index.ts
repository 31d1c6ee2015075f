export { loadConfig } from './config.ts';
export { RecordUpkeep, type RecordUpkeepDeps } from './record-upkeep.ts';
export { Reconciler, type ReconcilerDeps } from './reconciler.ts';
export { WebhookDeliverer, type WebhookDelivererDeps } from './webhooks/webhook-deliverer.ts';
export { Scheduler, type SchedulerDeps } from './scheduler.ts';
export { createWorker, type BullpenWorker } from './wiring.ts';
