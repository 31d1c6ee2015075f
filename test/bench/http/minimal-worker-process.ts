import { Worker, type Job } from 'bullmq';

import { WAITED_QUEUE, connection } from './minimal-queue.ts';

/** The least that does jobs: a function in the worker's own process. No organization, no wall, no limit, no record. */
const worker = new Worker(WAITED_QUEUE, async (job: Job<{ input: unknown }>) => job.data.input, { connection });
await worker.waitUntilReady();
process.stdout.write(`${JSON.stringify({ msg: 'worker.ready' })}\n`);
process.on('SIGTERM', () => process.exit(0));
