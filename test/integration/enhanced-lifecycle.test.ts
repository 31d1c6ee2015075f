import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline } from '@bullpen/core';

import { requireProgram } from '../services/programs.ts';
import { commandOf, walls } from '../system/launchers.ts';
import { eventually } from '../system/running-system.ts';
import { agent, endingOf, startRig, valueOf, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000);

/** Those that have an organization's cell in them, blank or bound. */
const cellsAlive = () => walls().filter((pid) => commandOf(pid).includes('organization-cell.cjs'));

/** Those that have a bundle in their directory. */
function boundCells(): number[] {
  return cellsAlive().filter((pid) => {
    const given = commandOf(pid).split('\0');
    return readdirSync(given[given.indexOf('/bundle') - 1] ?? '').length > 0;
  });
}

const cellDirs = () => readdirSync(tmpdir()).filter((name) => name.startsWith('bullpen-cells-') && name.includes(`-${process.pid}-`));
const REMEMBER = agent('const { existsSync, writeFileSync } = await import("node:fs"); const before = existsSync("/tmp/kept"); writeFileSync("/tmp/kept", ""); await new Promise((done) => setTimeout(done, 100)); return before');
const enhancedOf = (rig: Rig) => rig.manager.isolation()?.tiers.find(({ tier }) => tier === 'enhanced');

describe('the cell of an organization', () => {
  let rig: Rig;
  beforeAll(async () => { requireProgram('bubblewrap'); });
  afterEach(async () => { await rig.stop(); });
  afterAll(() => { expect(cellsAlive()).toEqual([]); });

  it('has its wall on this machine, as the self-test found, and the report says when and what was tried', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    const enhanced = enhancedOf(rig);
    expect(enhanced).toMatchObject({ isBuilt: true, achieved: enhanced?.target });
    expect(enhanced?.cases.map(({ name, passed }) => passed && name)).toEqual(expect.arrayContaining(['has a net namespace of its own', 'reads no file of the machine', 'starts no process', 'opens no connection']));
    expect(Date.parse(rig.manager.isolation()?.at ?? '')).toBeGreaterThan(Date.now() - 120_000);
  });

  it('is one for all containers of its organization, and no other organization\'s', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    expect(valueOf(await rig.run(REMEMBER))).toBe(false);
    expect((await Promise.all([1, 2, 3].map(() => rig.run(REMEMBER)))).map(valueOf)).toEqual([true, true, true]);
    expect(valueOf(await rig.run(REMEMBER, { orgId: 'other' }))).toBe(false);
  });

  it('ends when its last container does', async () => {
    rig = await startRig({ tiers: ['enhanced'], idleMs: 100 });
    await Promise.all(['a', 'b'].map((orgId) => rig.run(agent('return 1'), { orgId })));
    expect(boundCells()).toHaveLength(2);
    await eventually('only blank cells', async () => {
      try {
        return boundCells().length === 0 ? true : undefined;
      } catch {
        return undefined; // one ended while it was looked at
      }
    });
  });

  it('takes nothing with it but its organization: a run of another one goes on', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    const started = Promise.withResolvers<void>();
    const waiting = rig.run(agent('await new Promise((done) => setTimeout(done, 500)); return "unhurt"'), { orgId: 'other', onStarted: () => started.resolve() });
    await started.promise;
    expect(endingOf(await rig.run(agent('process.kill(process.pid, "SIGKILL"); await new Promise(() => {});')))).toBe('crashed/CONTAINER_CRASHED');
    expect(valueOf(await waiting)).toBe('unhurt');
    expect(valueOf(await rig.run(agent('return "again"')))).toBe('again');
  });

  it('is killed with a native call, with a stopped process, with memory that V8 does not count', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    const native = await rig.run(agent('return (await import("node:crypto")).pbkdf2Sync("a", "b", 5e8, 64, "sha512").length'), { timeoutMs: 500 });
    expect(endingOf(native)).toBe('timed_out/TIMED_OUT');
    expect(native.outcome.usage.cpuMs).toBeGreaterThan(50);
    expect(endingOf(await rig.run(agent('process.kill(process.pid, "SIGSTOP"); for (;;);'), { timeoutMs: 300 }))).toBe('timed_out/TIMED_OUT');
    const shared = await rig.run(agent('const all = []; for (;;) all.push(new Uint8Array(new SharedArrayBuffer(4e6)).fill(1));'));
    expect(endingOf(shared)).toBe('out_of_memory/OUT_OF_MEMORY');
    expect(shared.outcome.usage.peakExternalMb + shared.outcome.usage.peakHeapMb).toBeLessThan(100);
  });

  it('gives back the runs that it was lost with, and runs them alone when they come again', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    const KILLER = agent('if (input.kill) { ctx.log("now"); await new Promise((done) => setTimeout(done, 200)); process.kill(process.pid, "SIGKILL"); } await new Promise((done) => setTimeout(done, 600)); return "finished"');
    const together = (kill: boolean, runId: string) => rig.run(KILLER, { input: { kill }, runId });
    const first = await Promise.all([together(false, 'run_innocent'), together(true, 'run_guilty')]);
    expect(first.map(({ outcome }) => outcome)).toEqual([expect.objectContaining({ kind: 'interrupted', reason: 'cell_lost' }), expect.objectContaining({ kind: 'interrupted', reason: 'cell_lost' })]);
    const [innocent, guilty] = await Promise.all([together(false, 'run_innocent'), together(true, 'run_guilty')]);
    expect(valueOf(innocent)).toBe('finished');
    expect(endingOf(guilty)).toBe('crashed/CONTAINER_CRASHED');
  });

  it('holds what containers that have left did not give back against nobody who is still there', async () => {
    rig = await startRig({ tiers: ['enhanced'], idleMs: 500 });
    const large = agent('const words = input.split(" ").map((word) => ({ word })); await new Promise((done) => setTimeout(done, 200)); return words.slice(0, 12_000)');
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([1, 2, 3].map(() => rig.run(large, { memoryMb: 128, input: 'lorem ipsum '.repeat(75_000) })));
    }
    // The three become idle, and leave, while it waits.
    const waiting = await rig.run(agent('await new Promise((done) => setTimeout(done, 2000)); return "unhurt"'), { memoryMb: 64 });
    expect(valueOf(waiting)).toBe('unhurt');
    expect(endingOf(await rig.run(agent('const kept = []; for (;;) { kept.push(new Uint8Array(new SharedArrayBuffer(4 << 20)).fill(1)); await null; }'), { memoryMb: 64 }))).toBe('out_of_memory/OUT_OF_MEMORY');
  });

  it('prefers the container that has loaded the bundle of a run', async () => {
    rig = await startRig({ tiers: ['enhanced'] });
    const counting = (name: string) => `let calls = 0; export default async (ms) => { calls += 1; await new Promise((done) => setTimeout(done, ms)); return ["${name}", calls]; };`;
    const [one, other] = [counting('one'), counting('other')];
    // Side by side, so that each has a container of its own.
    await Promise.all([rig.run(one, { input: 300 }), rig.run(other, { input: 300 })]);
    for (const calls of [2, 3, 4]) {
      expect(valueOf(await rig.run(other, { input: 0 }))).toEqual(['other', calls]);
      expect(valueOf(await rig.run(one, { input: 0 }))).toEqual(['one', calls]);
    }
  });

  it('is interrupted by a stop, after which no cell and no file of one is left', async () => {
    rig = await startRig({ tiers: [] });
    const before = cellDirs();
    const stopping = await startRig({ tiers: ['enhanced'], graceMs: 20 });
    const ready = Promise.withResolvers<void>();
    const running = stopping.run(agent('ctx.log("ready"); for (;;);'), { tier: 'enhanced', onEvent: () => ready.resolve() });
    await ready.promise;
    await stopping.manager.stop(Deadline.in(5000));
    expect((await running).outcome).toMatchObject({ kind: 'interrupted', reason: 'shutdown' });
    expect([cellDirs(), cellsAlive()]).toEqual([before, []]);
    await stopping.manager.start();
    expect(valueOf(await stopping.run(agent('return 1'), { tier: 'enhanced' }))).toBe(1);
    await stopping.stop();
    expect([cellDirs(), cellsAlive()]).toEqual([before, []]);
  });
});

describe('a machine without namespaces', () => {
  it('runs enhanced in a plain process and says so, and refuses strict', async () => {
    const rig = await startRig({ tiers: ['enhanced', 'strict'], namespaces: false });
    const enhanced = enhancedOf(rig);
    expect(enhanced).toMatchObject({ isBuilt: true, achieved: expect.stringContaining('no namespaces') });
    expect(enhanced?.achieved).not.toBe(enhanced?.target);
    expect(valueOf(await rig.run(agent('return [process.pid, Object.keys(process.env)]')))).toEqual([expect.any(Number), []]);
    expect(endingOf(await rig.run(agent('process.kill(process.pid, "SIGKILL"); await new Promise(() => {});')))).toBe('crashed/CONTAINER_CRASHED');
    expect(endingOf(await rig.run(agent('return 1'), { tier: 'strict' }))).toBe('failed/TIER_UNAVAILABLE');
    await rig.stop();
  });
});

describe('the plain processes of two organizations', () => {
  it('are of two accounts where the worker is root: neither reads the memory of the other, or ends it', async () => {
    if (process.getuid?.() !== 0) return expect(process.getuid?.()).not.toBe(0); // then docs/isolation.md promises nothing of it
    const rig = await startRig({ tiers: ['enhanced'], namespaces: false });
    const victim = valueOf(await rig.run(agent('return [process.pid, process.getuid()]'), { orgId: 'victim' })) as [pid: number, uid: number];
    const attack = agent(`const { openSync } = await import("node:fs"); const denied = (act) => { try { act(); return "done"; } catch (error) { return error.code; } };
      return [process.getuid() === input[1], denied(() => process.kill(input[0], 0)), denied(() => openSync("/proc/" + input[0] + "/mem", "r"))]`);
    expect(valueOf(await rig.run(attack, { orgId: 'attacker', input: victim }))).toEqual([false, 'EPERM', 'EACCES']);
    await rig.stop();
  });
});

describe('what a killed worker left behind', () => {
  it('is removed at the next start, and what a living one uses is not', async () => {
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '';
    const startOf = readFileSync('/proc/self/stat', 'latin1').split(')').at(-1)?.trim().split(' ')[19];
    const dead = join(tmpdir(), `bullpen-cells-${namespace}-${process.pid}-1-dead00`);
    const living = join(tmpdir(), `bullpen-cells-${namespace}-${process.pid}-${startOf}-live00`);
    const elsewhere = join(tmpdir(), `bullpen-cells-1-${process.pid}-1-else00`);
    for (const dir of [dead, living, elsewhere]) mkdirSync(join(dir, 'bundle-x'), { recursive: true });
    const rig = await startRig({ tiers: ['enhanced'] });
    expect([dead, living, elsewhere].map(existsSync)).toEqual([false, true, true]);
    await rig.stop();
    for (const dir of [living, elsewhere]) rmSync(dir, { recursive: true });
  });
});
