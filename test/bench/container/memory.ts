import { readFileSync, readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

import { agent, startRig, valueOf } from '../../integration/runtime-rig.ts';
import { median } from '../statistics.ts';

const CONTAINERS = 16;
const SIMPLE = agent('return 1');
/** How a cell's Node is called in it; nothing else on the machine is. */
const CELL_NODE = '/cell/node';

const rssMb = (): number => process.memoryUsage.rss() / 2 ** 20;
const settle = (): Promise<void> => new Promise((done) => { setTimeout(done, 300); });

/** What one more idle thread takes: ours with an organization and a bundle loaded, and a bare one. */
export async function idleThreadMb(): Promise<{ ours: number; bare: number }> {
  const rig = await startRig({ maxIdleContainers: 2 * CONTAINERS, slots: CONTAINERS + 1 });
  valueOf(await rig.run(SIMPLE, { orgId: 'first' })); // what is loaded once is no part of it
  await settle();
  const beforeMb = rssMb();
  for (let i = 0; i < CONTAINERS; i += 1) valueOf(await rig.run(SIMPLE, { orgId: `idle-${i}` }));
  await settle();
  const ours = (rssMb() - beforeMb) / CONTAINERS;
  await rig.stop();
  return { ours, bare: await bareThreadMb() };
}

async function bareThreadMb(): Promise<number> {
  const workers: Worker[] = [];
  const beforeMb = rssMb();
  for (let i = 0; i < CONTAINERS; i += 1) {
    const worker = new Worker('require("node:worker_threads").parentPort.on("message", () => {});', { eval: true });
    await new Promise((resolve) => { worker.once('online', resolve); });
    workers.push(worker);
  }
  await settle();
  const tookMb = (rssMb() - beforeMb) / CONTAINERS;
  await Promise.all(workers.map((worker) => worker.terminate()));
  return tookMb;
}

/** Private memory of blank cells, as the kernel counts it; the median of those that are ready. */
export async function idleStrictCellMb(): Promise<number> {
  const rig = await startRig({ tiers: ['strict'] });
  await Promise.all(Array.from({ length: 4 }, () => rig.run(SIMPLE, { tier: 'strict' })));
  await readyCells(4);
  const blankMb = cellPids().map(privateMb);
  await rig.stop();
  return median(blankMb);
}

/** Resolves when so many cells are there, and have had the time to become ready. */
export async function readyCells(count: number): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (cellPids().length < count && performance.now() < untilMs) await settle();
  await settle();
}

/** Node in the cells of this process; used cells that are on their way out, and stopped, are none. */
export function cellPids(): number[] {
  return readdirSync('/proc').map(Number).filter((pid) => Number.isSafeInteger(pid) && commandOf(pid).startsWith(`${CELL_NODE}\0`) && !isStopped(pid) && isOurs(pid));
}

function commandOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`);
}

function isStopped(pid: number): boolean {
  return /^State:\s+[TZ]/m.test(textOf(`/proc/${pid}/status`));
}

/** The launcher, and bubblewrap twice, stand between us and Node. */
function isOurs(pid: number, generations = 5): boolean {
  if (pid === process.pid) return true;
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? 0);
  return parent > 1 && generations > 0 && isOurs(parent, generations - 1);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function privateMb(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce((sum, [, value]) => sum + Number(value), 0);
  return kb / 1024;
}
