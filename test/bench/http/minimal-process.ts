import type { AddressInfo } from 'node:net';

import { Queue } from 'bullmq';
import express from 'express';

/** The least that an HTTP face of a queue can be: parse the body, add the job, answer with its id. No row, no key, no limit. */
const queue = new Queue('bench-minimal', { connection: { url: process.env.REDIS_URL ?? '' } });
const app = express();
app.use(express.json());
app.post('/runs', async (req, res) => {
  const job = await queue.add('run', req.body);
  res.status(202).json({ id: job.id });
});

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
