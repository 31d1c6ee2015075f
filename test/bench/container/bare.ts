import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';

import { Piscina } from 'piscina';

/** The yardsticks: what Node, Piscina and bubblewrap take by themselves, with no limit, no wall of ours and no watch. */
const AGENT = 'export default async () => process.hrtime.bigint().toString();\n';
/** Waits for the path of a module, imports it, says what it returned. */
const CHILD = `process.stdin.once('data', async (path) => process.stdout.write(await (await import(path.toString().trim())).default()));
process.stdout.write('ready');`;

function withFiles<T>(act: (files: { agent: string; child: string }) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'bullpen-bare-'));
  const files = { agent: join(dir, 'agent.mjs'), child: join(dir, 'child.mjs') };
  writeFileSync(files.agent, AGENT);
  writeFileSync(files.child, CHILD);
  return act(files).finally(() => rmSync(dir, { recursive: true, force: true }));
}

/** One Piscina thread with its defaults, asked to the first line of the function, ms. */
export function warmPiscina(count: number): Promise<number[]> {
  return withFiles(async ({ agent }) => {
    const pool = new Piscina({ filename: agent, minThreads: 1, maxThreads: 1 });
    const once = async (): Promise<number> => {
      const beganNs = process.hrtime.bigint();
      return Number(BigInt((await pool.run(null)) as string) - beganNs) / 1e6;
    };
    for (let i = 0; i < 200; i += 1) await once();
    const tookMs: number[] = [];
    for (let i = 0; i < count; i += 1) tookMs.push(await once());
    await pool.destroy();
    return tookMs;
  });
}

/** Processes that were started before, each used once: the path of the module is written to the first line of its function, ms. */
export function warmBareProcess(count: number): Promise<number[]> {
  return withFiles(async ({ agent, child }) => {
    const tookMs: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const { process: forked } = await startChild(process.execPath, [child]);
      const said = firstOutput(forked);
      const beganNs = process.hrtime.bigint();
      (forked.stdin as Writable).write(`${agent}\n`);
      tookMs.push(Number(BigInt(await said) - beganNs) / 1e6);
      forked.kill('SIGKILL');
    }
    return tookMs;
  });
}

function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    (child.stdout as Readable).once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('error', reject);
  });
}

async function startChild(file: string, args: readonly string[]): Promise<{ process: ChildProcess; tookMs: number }> {
  const beganMs = performance.now();
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
  await firstOutput(child);
  return { process: child, tookMs: performance.now() - beganMs };
}

async function startMsOf(file: string, argsOf: (child: string) => readonly string[]): Promise<number> {
  return withFiles(async ({ child }) => {
    const { process: started, tookMs } = await startChild(file, argsOf(child));
    started.kill('SIGKILL');
    return tookMs;
  });
}

/** Node in namespaces of its own, from the call to the first line that it says, ms, and nothing else: no filter, no limits, the machine's files. */
export function bareBwrapStartMs(): Promise<number> {
  const namespaces = ['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev'];
  return startMsOf('/usr/bin/bwrap', (child) => [...namespaces, '--', process.execPath, child]);
}

/** A thread, to the first line of its function, ms. */
export function bareThreadStartMs(): Promise<number> {
  return withFiles(async ({ agent }) => {
    const beganNs = process.hrtime.bigint();
    const source = `const { parentPort } = require('node:worker_threads'); import(${JSON.stringify(agent)}).then(async (one) => parentPort.postMessage(await one.default()));`;
    const worker = new Worker(source, { eval: true, env: {} });
    const said = await new Promise<string>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    return Number(BigInt(said) - beganNs) / 1e6;
  });
}
