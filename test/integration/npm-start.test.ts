import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { CHECKOUT_DIR, identifyProcess } from '@bullpen/infra';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { temporaryDir } from '../system/temp-dir.ts';

// Each start runs all examples, on a machine that may be busy with other test files.
jest.setTimeout(300_000);

interface Ended {
  readonly code: number;
  readonly stdout: string[];
  readonly stderr: string;
}

function start(dataDir: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  const { PATH, HOME } = process.env;
  return spawn(process.execPath, [path.join(CHECKOUT_DIR, 'infra', 'bootstrap', 'run.mjs'), 'up', ...args], {
    env: { PATH, HOME, BULLPEN_DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function toEnd(child: ChildProcess): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout: said.stdout.trimEnd().split('\n'), stderr: said.stderr };
}

/** Resolves when a line of its stdout matches; the rest of the output is read and let go. */
async function untilLine(child: ChildProcess, pattern: RegExp): Promise<void> {
  if (!child.stdout) throw new Error('no stdout');
  child.stderr?.resume();
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => pattern.test(line) && resolve());
    lines.once('close', () => reject(new Error(`it ended before it said ${pattern}`)));
  });
}

describe('npm start', () => {
  const dir = temporaryDir();
  let taken: Server;

  beforeAll(async () => {
    taken = createServer();
    taken.listen(3000, '127.0.0.1');
    // Where somebody else has the port already, it is taken just as well.
    await once(taken, 'listening').catch(() => undefined);
  });

  afterAll(async () => {
    if (taken.listening) await new Promise((resolve) => taken.close(resolve));
    dir[Symbol.dispose]();
  });

  it.each(['redis', 'postgres'])('runs the examples to their end with its queue on %s, beside port 3000, and reports in its last line', async (queue) => {
    const ended = await toEnd(start(dir.path, ['--exit'], { BULLPEN_QUEUE: queue }));
    if (ended.code !== 0) throw new Error(`it ended with ${ended.code}:\n${ended.stdout.join('\n')}\n${ended.stderr}`);
    const report = JSON.parse(ended.stdout.at(-1) ?? '') as Record<string, unknown>;
    expect(report).toMatchObject({ queue, unexpected: 0, setupMs: expect.any(Number), firstRunMs: expect.any(Number) });
    expect(report.runs).toBeGreaterThan(0);
    expect(report.runs).toBe((report.succeeded as number) + (report.expectedFailures as number));
    expect(report.apiUrl).not.toContain(':3000');
  });

  it('keeps the keys for their owner only', () => {
    const file = path.join(dir.path, 'credentials.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Object.keys((JSON.parse(readFileSync(file, 'utf8')) as { orgs: object }).orgs)).toEqual(['acme', 'globex']);
  });

  it('stops all it started when it is asked to, exits 0, and refuses a second start beside it until then', async () => {
    const first = start(dir.path, ['--no-examples']);
    await untilLine(first, /Ctrl-C stops/);
    const postmaster = Number.parseInt(readFileSync(path.join(dir.path, 'postgres', 'postmaster.pid'), 'utf8'), 10);
    const second = await toEnd(start(dir.path, ['--no-examples']));
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/already running/);
    const ended = once(first, 'exit');
    first.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(identifyProcess(postmaster)).toBeNull();
    expect(existsSync(path.join(dir.path, 'launcher.json'))).toBe(false);
  });

  it('says in one sentence what is wrong with what it was given', async () => {
    const ended = await toEnd(start(dir.path, [], { DATABASE_URL: 'mysql://somewhere/else' }));
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/DATABASE_URL: a postgres:\/\/ URL/) });
    expect(ended.stderr).not.toMatch(/\n\s+at /);
  });
});
