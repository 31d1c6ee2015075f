import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { SIZE_CAPS, TIERS } from '@bullpen/core';

import { requireProgram } from '../services/programs.ts';
import { agent, deathsOf, endingOf, interruptOnEvent, startRig, valueOf, type Rig } from '../integration/runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

describe.each(TIERS)('what an agent of tier %s says', (tier) => {
  let rig: Rig;
  beforeAll(async () => {
    requireProgram('bubblewrap');
    rig = await startRig({ tiers: [tier] });
    const built = rig.manager.isolation()?.tiers.find((one) => one.tier === tier);
    expect(built?.achieved).toBe(built?.target); // behind the whole wall, not a weaker one
  });
  afterAll(async () => { await rig.stop(); });

  it('arrives in order before the outcome, with levels, fields, data and progress', async () => {
    const { events } = await rig.run(agent(`
      ctx.log("plain"); ctx.log.debug("d"); ctx.log.info("i", { a: [1] }); ctx.log.warn("w"); ctx.log.error("e");
      ctx.emit("row", { n: 1 }); ctx.emit("none"); ctx.progress(0.5, "half"); ctx.progress(7);`));
    expect(events).toEqual([
      { type: 'log', level: 'info', message: 'plain' }, { type: 'log', level: 'debug', message: 'd' },
      { type: 'log', level: 'info', message: 'i', fields: { a: [1] } }, { type: 'log', level: 'warn', message: 'w' },
      { type: 'log', level: 'error', message: 'e' }, { type: 'emit', name: 'row', data: { n: 1 } }, { type: 'emit', name: 'none', data: null },
      { type: 'progress', fraction: 0.5, message: 'half' }, { type: 'progress', fraction: 1 },
    ]);
  });

  it('to the console or the standard streams is a log line', async () => {
    const { events } = await rig.run(agent(`
      console.log("a %s", "b", { c: 1 }); console.debug("d"); console.warn("w"); console.error(new Map([[1, 2]]));
      process.stdout.write("raw\\n"); process.stderr.write("err");`));
    expect(events).toEqual([
      { type: 'log', level: 'info', message: 'a b { c: 1 }' }, { type: 'log', level: 'debug', message: 'd' }, { type: 'log', level: 'warn', message: 'w' },
      { type: 'log', level: 'error', message: 'Map(1) { 1 => 2 }' }, { type: 'log', level: 'info', message: 'raw' }, { type: 'log', level: 'warn', message: 'err' },
    ]);
  });

  it('arrives while it runs', async () => {
    const interrupt = new AbortController();
    const heard: string[] = [];
    const onEvent = (event: { type: string }) => {
      heard.push(event.type);
      interrupt.abort('cancelled');
    };
    await rig.run(agent('ctx.emit("now", 1); await new Promise((done) => ctx.signal.addEventListener("abort", done))'), { interrupt, onEvent });
    expect(heard).toEqual(['emit']);
  });

  it('arrives complete from a container that is killed', async () => {
    const { outcome, events } = await rig.run(agent('for (let i = 0; i < 500; i += 1) ctx.emit("n", i); for (;;);'), interruptOnEvent('cancelled'));
    expect(outcome).toMatchObject({ kind: 'interrupted' });
    expect(events.map((event) => event.type === 'emit' && event.data)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it.each([
    ['a BigInt', 'ctx.emit("x", 1n)', 'EVENT_NOT_SERIALIZABLE'],
    ['a cycle', 'const a = {}; a.a = a; ctx.log("x", a)', 'EVENT_NOT_SERIALIZABLE'],
    ['a NUL', 'ctx.log("a\\0b")', 'EVENT_NOT_STORABLE'],
    ['a NUL on the console', 'console.log("a\\0b")', 'EVENT_NOT_STORABLE'],
    ['a lone surrogate', 'ctx.emit("x", "\\ud800")', 'EVENT_NOT_STORABLE'],
    ['too much nesting', 'let a = 1; for (let i = 0; i < 200; i += 1) a = [a]; ctx.emit("x", a)', 'EVENT_NOT_STORABLE'],
    ['too much', `ctx.emit("x", "y".repeat(${SIZE_CAPS.eventBytes}))`, 'EVENT_TOO_LARGE'],
  ])('and cannot be kept (%s) throws there, and ends the attempt even where it is caught', async (_, body, code) => {
    const uncaught = await rig.run(agent(`${body}; return 1`));
    expect(endingOf(uncaught)).toBe(`failed/${code}`);
    expect(uncaught.outcome).toMatchObject({ retryable: false });
    const caught = await rig.run(agent(`try { ${body}; } catch (error) { ctx.log(error.code); } return 1`));
    expect(endingOf(caught)).toBe(`failed/${code}`);
  });

  it('and cannot be kept ends an agent that goes on and on', async () => {
    expect(endingOf(await rig.run(agent('try { ctx.emit("x", 1n); } catch {} for (;;);')))).toBe('failed/EVENT_NOT_SERIALIZABLE');
  });

  it('wrongly is the agent\'s own mistake', async () => {
    expect(endingOf(await rig.run(agent('ctx.emit("", 1)')))).toBe('failed/AGENT_THREW');
    expect(valueOf(await rig.run(agent('try { ctx.progress("half"); } catch (error) { return error.name; }')))).toBe('TypeError');
  });

  it('beyond the cap is dropped, counted, and the count is the last word', async () => {
    const { outcome, events } = await rig.run(agent('for (let i = 0; i < 25_000; i += 1) console.log(i); return "kept"'));
    expect(outcome.kind).toBe('succeeded');
    expect(events).toHaveLength(SIZE_CAPS.eventsPerAttempt + 1);
    expect(events.at(-1)).toEqual({ type: 'dropped', count: 25_000 - SIZE_CAPS.eventsPerAttempt });
  });

  it('is counted even when the container is killed in the flood', async () => {
    const interrupt = new AbortController();
    let heard = 0;
    const onEvent = () => { if ((heard += 1) === SIZE_CAPS.eventsPerAttempt) interrupt.abort('cancelled'); };
    const { events } = await rig.run(agent('for (;;) ctx.emit("n", 1)'), { interrupt, onEvent });
    const last = events.at(-1);
    expect(last?.type === 'dropped' && last.count > 0).toBe(true);
  });

  it('after the return is not heard, and not charged to the next run', async () => {
    const chatty = agent('const t = setInterval(() => { try { ctx.log("late"); console.log("late too"); } catch {} }, 1); t.unref(); return 1');
    expect(valueOf(await rig.run(chatty, { orgId: 'late' }))).toBe(1);
    const next = await rig.run(agent('const t = setTimeout(() => {}, 1000); await new Promise((done) => setTimeout(done, 30)); clearTimeout(t); return 2'), { orgId: 'late' });
    expect(valueOf(next)).toBe(2);
    expect(next.events).toEqual([]);
    if (tier !== 'strict') expect(deathsOf(rig.manager, 'late')).toEqual({});
  });
});
