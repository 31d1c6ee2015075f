import { Worker, type Job } from 'bullmq';

/** The least that does jobs: a function in the worker's own process. No organization, no wall, no limit, no record. */
const worker = new Worker('bench-minimal-waited', async (job: Job<{ input: unknown }>) => job.data.input, { connection: { url: process.env.REDIS_URL ?? '' } });
await worker.waitUntilReady();
process.stdout.write(`${JSON.stringify({ msg: 'worker.ready' })}\n`);
process.on('SIGTERM', () => process.exit(0));
