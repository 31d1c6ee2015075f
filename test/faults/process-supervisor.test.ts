import { readFileSync } from 'node:fs';
import path from 'node:path';

import { Deadline } from '@bullpen/core';
import { CHECKOUT_DIR, identifyProcess, pollUntil, superviseProcess, type SupervisedProcess } from '@bullpen/infra';
import { describe, expect, it } from '@jest/globals';

import { temporaryDir } from '../system/temp-dir.ts';

interface Supervised {
  readonly supervised: SupervisedProcess;
  readonly ended: string[];
  /** Process numbers that said they are ready, oldest first. */
  ready(): number[];
  log(): string;
}

function supervise(dir: string, entry = path.join(CHECKOUT_DIR, 'test', 'system', 'supervised-process.ts')): Supervised {
  const logFile = path.join(dir, 'child.log');
  const ended: string[] = [];
  const supervised = superviseProcess({
    name: 'child', entry, env: { PATH: process.env.PATH }, readyEvent: 'ready', logFile, onRestart: (_name, how) => ended.push(how),
  });
  const log = (): string => readFileSync(logFile, 'utf8');
  const ready = (): number[] => [...log().matchAll(/"msg":"ready","pid":(\d+)/g)].map(([, pid]) => Number(pid));
  return { supervised, ended, ready, log };
}

describe('a supervised process', () => {
  it('is up when start returns and has ended, by its own hand, when stop returns', async () => {
    using dir = temporaryDir();
    const { supervised, ready, log } = supervise(dir.path);
    await supervised.start();
    const [pid = 0] = ready();
    expect(identifyProcess(pid)).not.toBeNull();
    await supervised.stop(Deadline.in(10_000));
    expect(identifyProcess(pid)).toBeNull();
    expect(log()).toContain('"msg":"stopped"');
  });

  it('is started again when it ends by itself, and not after a stop', async () => {
    using dir = temporaryDir();
    const { supervised, ready, ended } = supervise(dir.path);
    await supervised.start();
    process.kill(ready()[0] ?? 0, 'SIGUSR2');
    expect(await pollUntil(async () => (ready().length === 2 ? true : null), Deadline.in(20_000))).toBe(true);
    expect(ended).toEqual(['with code 3']);
    await supervised.stop(Deadline.in(10_000));
    expect(ready()).toHaveLength(2);
  });

  it('makes start reject with the end of its log when it does not get ready', async () => {
    using dir = temporaryDir();
    const { supervised } = supervise(dir.path, path.join(dir.path, 'missing.ts'));
    await expect(supervised.start()).rejects.toThrow(/did not become ready[^]*missing\.ts/);
  });

  it('tolerates a stop before a start, and two', async () => {
    using dir = temporaryDir();
    const { supervised } = supervise(dir.path);
    await supervised.stop(Deadline.in(1000));
    await supervised.start();
    await supervised.stop(Deadline.in(10_000));
    await supervised.stop(Deadline.in(1000));
  });
});
