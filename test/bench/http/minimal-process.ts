import type { AddressInfo } from 'node:net';

import { Queue, QueueEvents } from 'bullmq';
import express from 'express';

import { WAITED_QUEUE, connection } from './minimal-queue.ts';

/**
 * The least that an HTTP face of a queue can be: parse the body, add the job, answer with its id. No row, no key, no limit.
 * And the least that waits for its job, by BullMQ's own means; minimal-worker-process.ts does it.
 */
const queue = new Queue('bench-minimal', { connection });
const waited = new Queue(WAITED_QUEUE, { connection });
const events = new QueueEvents(WAITED_QUEUE, { connection });
const app = express();
app.use(express.json());
app.post('/runs', async (req, res) => {
  const job = await queue.add('run', req.body);
  res.status(202).json({ id: job.id });
});
app.post('/runs/waited', async (req, res) => {
  const job = await waited.add('run', req.body);
  res.json({ id: job.id, result: await job.waitUntilFinished(events) });
});

await events.waitUntilReady();
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
