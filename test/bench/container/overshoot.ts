import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import type { Tier } from '@bullpen/core';

import { endingOf, startRig } from '../../integration/runtime-rig.ts';
import { cellPids } from './memory.ts';

const LIMIT_MB = 64;
const AGENTS = join(import.meta.dirname, '..', '..', 'security', 'agents');

/**
 * Watches from a thread of its own, once a millisecond, the high-water mark of every cell that was there when the bomb
 * began (it is in one of them): the kernel keeps it, so that no peak is missed but what came in a cell's last millisecond.
 */
const WATCHER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { readFileSync } = require('node:fs');
  const mb = (pid, field) => Number(new RegExp('^' + field + ':\\\\s+(\\\\d+) kB', 'm').exec(readFileSync('/proc/' + pid + '/status', 'latin1'))[1]) / 1024;
  const before = new Map(workerData.map((pid) => [pid, mb(pid, 'VmRSS')]));
  let peak = 0;
  const look = () => {
    for (const [pid, rss] of before) try { peak = Math.max(peak, mb(pid, 'VmHWM') - rss); } catch { before.delete(pid); }
  };
  setInterval(look, 1);
  parentPort.on('message', () => { look(); parentPort.postMessage(peak); });
  parentPort.postMessage('watching');`;

/** The most that a bomb reached beyond what its blank cell held, over its limit. */
export async function overshootRatio(tier: Tier, bomb: string): Promise<number> {
  const rig = await startRig({ tiers: [tier] });
  const waits = 'export default async () => 1;';
  await rig.run(waits, { tier }); // a cell of its organization, or blank ones, are there
  await new Promise((done) => { setTimeout(done, 300); });
  const watcher = new Worker(WATCHER, { eval: true, workerData: cellPids() });
  const heard = (): Promise<unknown> => new Promise((resolve, reject) => watcher.once('message', resolve).once('error', reject));
  await heard();
  const answer = await rig.run(readFileSync(join(AGENTS, `${bomb}.mjs`), 'utf8'), { tier, memoryMb: LIMIT_MB });
  if (!endingOf(answer).startsWith('out_of_memory/')) throw new Error(`${bomb} came to ${JSON.stringify(answer.outcome)}`);
  const told = heard();
  watcher.postMessage('how much?');
  const peakMb = (await told) as number;
  await watcher.terminate();
  await rig.stop();
  return peakMb / LIMIT_MB;
}
