import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Deadline, LIMIT_BOUNDS, SIZE_CAPS } from '@bullpen/core';

import { requireProgram } from '../services/programs.ts';
import { walls } from '../system/launchers.ts';
import { agent, deathsOf, endingOf, interruptOnEvent, startRig, valueOf, type Asked, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000);

const cellDirs = () => readdirSync(tmpdir()).filter((name) => name.startsWith('bullpen-cells-') && name.includes(`-${process.pid}-`)).length;

describe('an attempt in a strict cell', () => {
  let rig: Rig;
  let patient: Rig;
  const run = (bundle: string, asked: Asked = {}) => rig.run(bundle, { tier: 'strict', ...asked });
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: ['strict'], graceMs: 50 });
    patient = await startRig({ tiers: ['strict'], graceMs: 60_000 });
  });
  afterAll(async () => {
    await rig.stop();
    await patient.stop();
    expect(walls()).toEqual([]);
  });

  it('takes the bundles and gives the ctx of tier basic', async () => {
    const facts = agent('return { input, run: ctx.run, attempt: ctx.attempt, left: ctx.deadline - Date.now() }');
    const answer = await run(facts, { input: { rows: [1, 'é'] }, runId: 'run_x', version: 7, attempt: 3, metadata: { from: 'test' } });
    expect(valueOf(answer)).toMatchObject({
      input: { rows: [1, 'é'] }, attempt: 3, run: { id: 'run_x', orgId: 'acme', agent: 'agent', version: 7, metadata: { from: 'test' } },
    });
    expect((valueOf(answer) as { left: number }).left).toBeGreaterThan(0);
    expect(answer.startedCount).toBe(1);
    expect(valueOf(await run('import { createHash } from "node:crypto"; export default { name: "it", run(input) { return [this.name, input, typeof createHash]; } };', { input: 5 }))).toEqual(['it', 5, 'function']);
  });

  it('is the only one in its process, whatever was kept there', async () => {
    const counter = 'let calls = 0; export default () => { calls += 1; return calls; };';
    for (let i = 0; i < 3; i += 1) expect(valueOf(await run(counter))).toBe(1);
  });

  it('carries an input and a result of the largest size', async () => {
    const input = 'é'.repeat(SIZE_CAPS.resultBytes / 2 - 2);
    expect(valueOf(await run(agent('return input'), { input }))).toBe(input);
  });

  it('says what it says in order, before the outcome, and completely when it is killed', async () => {
    const { events } = await run(agent('ctx.log.warn("w", { a: [1] }); console.log("a %s", "b"); process.stderr.write("err"); ctx.emit("row", 1); ctx.progress(7);'));
    expect(events).toEqual([
      { type: 'log', level: 'warn', message: 'w', fields: { a: [1] } }, { type: 'log', level: 'info', message: 'a b' }, { type: 'log', level: 'warn', message: 'err' },
      { type: 'emit', name: 'row', data: 1 }, { type: 'progress', fraction: 1 },
    ]);
    // Its last words are in the pipe when it dies: nobody can have heard them by then.
    const killed = await run(agent('for (let i = 0; i < 500; i += 1) ctx.emit("n", i); process.kill(process.pid, "SIGKILL");'));
    expect(endingOf(killed)).toBe('crashed/CONTAINER_CRASHED');
    expect(killed.events).toEqual(Array.from({ length: 500 }, (_, data) => ({ type: 'emit', name: 'n', data })));
    const interrupted = await run(agent('for (let i = 0; i < 500; i += 1) ctx.emit("n", i); for (;;);'), interruptOnEvent('cancelled'));
    expect(interrupted.outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(interrupted.events.length).toBeGreaterThan(0);
    expect(interrupted.events).toEqual(killed.events.slice(0, interrupted.events.length)); // without a gap
  });

  it.each([
    ['a NUL in an event', 'ctx.log("a\\0b")', 'failed/EVENT_NOT_STORABLE'],
    ['a BigInt in an event, caught', 'try { ctx.emit("x", 1n); } catch {} for (;;);', 'failed/EVENT_NOT_SERIALIZABLE'],
    ['a NUL in the result', 'return "a\\0"', 'failed/RESULT_NOT_STORABLE'],
    ['a result too large', `return "x".repeat(${SIZE_CAPS.resultBytes})`, 'failed/RESULT_TOO_LARGE'],
    ['a result nested too deep', 'let a = 1; for (let i = 0; i < 1000; i += 1) a = [a]; return a', 'failed/RESULT_NOT_STORABLE'],
    ['a throw from a timer', 'setTimeout(() => { throw null; }, 1); await new Promise(() => {});', 'failed/AGENT_THREW'],
  ])('ends with a code for %s', async (_, body, ending) => {
    expect(endingOf(await run(agent(body)))).toBe(ending);
  });

  it('fails for good when the bundle does not load, and names its own frames only', async () => {
    for (const bundle of ['export default (', 'throw new Error("top");', 'export const run = () => 1;', 'import "no-such-package"; export default () => 1;']) {
      expect(await run(bundle)).toMatchObject({ startedCount: 0, outcome: { kind: 'failed', retryable: false, error: { code: 'BUNDLE_LOAD_FAILED' } } });
    }
    const { outcome } = await run('function deep() {\n  throw new TypeError("here");\n}\nexport default async () => deep();');
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'AGENT_THREW', message: 'TypeError: here', stack: expect.stringMatching(/^TypeError: here\n {4}at deep \(bundle\.mjs:2:9\)/) } });
    expect(JSON.stringify(outcome)).not.toMatch(/node:|\.mjs:\d+:\d+.*cell|\/cell\//);
  });

  it('may finish in the grace when it is interrupted, and is killed after it when it does not listen', async () => {
    const polite = agent('ctx.log("ready"); await new Promise((done) => ctx.signal.addEventListener("abort", done)); ctx.log(ctx.signal.reason.reason); return "done"');
    const answer = await patient.run(polite, { tier: 'strict', ...interruptOnEvent('lease_lost') });
    expect(answer.outcome).toMatchObject({ kind: 'interrupted', reason: 'lease_lost' });
    expect(answer.events.at(-1)).toMatchObject({ message: 'lease_lost' });
    const deaf = await run(agent('ctx.log("ready"); for (;;);'), { orgId: 'deaf', ...interruptOnEvent('cancelled') });
    expect(deaf.outcome).toMatchObject({ kind: 'interrupted', reason: 'cancelled' });
    expect(deathsOf(rig.manager, 'deaf')).toEqual({ cancelled: 1 });
  });

  it('is measured from outside', async () => {
    const { outcome } = await run(agent('const until = Date.now() + 150; while (Date.now() < until); globalThis.kept = Buffer.alloc(8e6, 1); await new Promise((done) => setTimeout(done, 30));'));
    expect(outcome.usage.wallMs).toBeGreaterThanOrEqual(149);
    expect(outcome.usage.cpuMs).toBeGreaterThan(20);
    expect(outcome.usage.peakHeapMb).toBeGreaterThan(7);
  });

  it('runs in the smallest container there is, and is refused below', async () => {
    const { min } = LIMIT_BOUNDS.memoryMb;
    expect(valueOf(await run(agent('return "small"'), { memoryMb: min }))).toBe('small');
    expect(endingOf(await run(agent('const all = []; for (;;) all.push({})'), { memoryMb: min }))).toBe('out_of_memory/OUT_OF_MEMORY');
    expect(endingOf(await run(agent('return 1'), { memoryMb: 1 }))).toBe('failed/LIMIT_EXCEEDED');
  });

  it('takes a bundle that is too large for a frame, again and again, and another one after it', async () => {
    const large = (word: string) => `${agent(`return ${JSON.stringify(word)} + import.meta.url`)}\n/*${'x'.repeat(200_000)}*/`;
    for (const word of ['one', 'one', 'two', 'one']) expect(valueOf(await run(large(word)))).toBe(`${word}file:///bundle/bundle.mjs`);
  });

  it('runs beside others of its organization', async () => {
    const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((input) => run(agent('return input'), { input, orgId: 'crowd' })));
    expect(answers.map(valueOf)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('is interrupted by a stop, after which no cell and no file of one is left', async () => {
    const before = { cells: walls().length, dirs: cellDirs() };
    const stopping = await startRig({ tiers: ['strict'], graceMs: 20 });
    const ready = Promise.withResolvers<void>();
    const running = stopping.run(agent('ctx.log("ready"); for (;;);'), { tier: 'strict', onEvent: () => ready.resolve() });
    await ready.promise;
    await stopping.manager.stop(Deadline.in(5000));
    expect((await running).outcome).toMatchObject({ kind: 'interrupted', reason: 'shutdown' });
    expect(cellDirs()).toBe(before.dirs);
    await stopping.manager.start();
    expect(valueOf(await stopping.run(agent('return 1'), { tier: 'strict' }))).toBe(1);
    await stopping.stop();
    expect(cellDirs()).toBe(before.dirs);
  });

  it('is refused where the wall is not asked for, never run behind a weaker one', async () => {
    const basic = await startRig({ tiers: ['basic'] });
    expect(endingOf(await basic.run(agent('return 1'), { tier: 'strict' }))).toBe('failed/TIER_UNAVAILABLE');
    expect(basic.manager.isolation()).toBeNull();
    await basic.stop();
  });
});
