import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SIZE_CAPS, type Tier } from '@bullpen/core';

import { requireProgram } from '../services/programs.ts';
import { memoryServices, type MemoryServices } from './memory-services.ts';
import { agent, endingOf, startRig, valueOf, type Rig } from './runtime-rig.ts';

/** One agent as a whole module, for what must stand outside of its function. */
describe.each(['basic', 'enhanced', 'strict'] satisfies Tier[])('what an agent of tier %s asks of its supervisor', (tier) => {
  let rig: Rig;
  let services: MemoryServices;
  beforeAll(async () => {
    if (tier !== 'basic') requireProgram('bubblewrap');
    services = memoryServices();
    rig = await startRig({ tiers: [tier], services });
    services.secretValues.set('acme/TOKEN', 'correct-horse-battery');
    services.secretValues.set('other/TOKEN', 'of-somebody-else');
  });
  afterAll(() => rig.stop());
  const run = (body: string, asked: Parameters<Rig['run']>[1] = {}) => rig.run(agent(body), { tier, ...asked });

  it('is a secret that its version declares', async () => {
    const answer = await run('return [(await ctx.secrets.get("TOKEN")).length, Object.isFrozen(ctx.secrets)]', { secrets: ['TOKEN'] });
    expect(valueOf(answer)).toEqual(['correct-horse-battery'.length, true]);
  });

  it.each([
    ['a secret that is not declared', 'await ctx.secrets.get("TOKEN")', [], 'SECRET_NOT_DECLARED'],
    ['a secret that is not there', 'await ctx.secrets.get("NONE")', ['NONE'], 'SECRET_NOT_FOUND'],
    ['a name that is none', 'await ctx.secrets.get("../TOKEN")', ['TOKEN'], 'CALL_REFUSED'],
    ['a key that is too long', 'await ctx.kv.get("k".repeat(300))', [], 'CALL_REFUSED'],
    ['a value that is too large', 'await ctx.kv.set("k", "x".repeat(70_000))', [], 'KV_LIMIT'],
    ['a value beyond a call', `await ctx.kv.set("k", "x".repeat(${SIZE_CAPS.callBytes}))`, [], 'CALL_REFUSED'],
    ['a value that is no JSON', 'const a = []; a.push(a); await ctx.kv.set("k", a)', [], 'CALL_REFUSED'],
    ['egress where none is allowed', 'await ctx.fetch("https://example.com/")', [], 'EGRESS_DENIED'],
  ])('is refused with a code: %s', async (_, body, secrets, code) => {
    const answer = await run(`try { ${body} } catch (error) { return [error.code, error instanceof Error, error.message !== ""] } return "done"`, { secrets });
    expect(valueOf(answer)).toEqual([code, true, true]);
  });

  it('is told to the run where nobody catches the refusal, and never with the secret in it', async () => {
    const answer = await run('throw new Error(`bad token ${await ctx.secrets.get("TOKEN")}`)', { secrets: ['TOKEN'] });
    expect(endingOf(answer)).toBe('failed/AGENT_THREW');
    expect(JSON.stringify(answer.outcome)).toContain('bad token [secret TOKEN]');
    expect(JSON.stringify(answer.outcome)).not.toContain('correct-horse');
  });

  it('is taken out of what it logs and emits after that', async () => {
    const { events } = await run('const t = await ctx.secrets.get("TOKEN"); ctx.log(`got ${t}`, { [t]: btoa(t) }); console.log(t); ctx.emit("x", { t }); return null', { secrets: ['TOKEN'] });
    expect(events).toHaveLength(3);
    expect(JSON.stringify(events)).not.toMatch(/correct-horse|Y29ycmVjdC1ob3/);
  });

  it('is an entry of its agent and organization, and of nobody else', async () => {
    const keep = 'await ctx.kv.set("seen", { n: 1 }); return [await ctx.kv.get("seen"), await ctx.kv.get("none") ?? null]';
    expect(valueOf(await run(keep))).toEqual([{ n: 1 }, null]);
    expect(valueOf(await run('return await ctx.kv.get("seen") ?? null'))).toEqual({ n: 1 });
    expect(valueOf(await run('return await ctx.kv.get("seen") ?? null', { agent: 'another' }))).toBeNull();
    expect(valueOf(await run('return [await ctx.kv.get("seen") ?? null, await ctx.secrets.get("TOKEN") === "of-somebody-else"]', { orgId: 'other', secrets: ['TOKEN'] }))).toEqual([null, true]);
  });

  it('is set only where it has the revision that was read', async () => {
    const body = 'const first = await ctx.kv.set("cas", 1, { ifRevision: 0 }); const second = await ctx.kv.set("cas", 2, { ifRevision: first });'
      + 'const code = await ctx.kv.set("cas", 3, { ifRevision: first }).catch((error) => error.code); return [second > first, code, (await ctx.kv.getEntry("cas")).value, await ctx.kv.delete("cas")]';
    expect(valueOf(await run(body))).toEqual([true, 'KV_CONFLICT', 2, true]);
  });

  it('may be many things at once: those beyond what may be under way wait their turn', async () => {
    const body = 'const all = await Promise.all(Array.from({ length: 500 }, (_, i) => ctx.kv.set(`many/${i}`, i))); const { entries } = await ctx.kv.list({ prefix: "many/", limit: 200 }); return [all.length, entries.length]';
    expect(valueOf(await run(body))).toEqual([500, 200]);
  });

  it('is not answered to the next run of a container when its own is over', async () => {
    expect(valueOf(await run('ctx.kv.get("x").then(() => { globalThis.late = true; }); return 1'))).toBe(1);
    expect(valueOf(await run('await ctx.kv.get("x"); return globalThis.late ?? "clean"'))).toBe('clean');
  });

  it('is answered while built-in functions are replaced', async () => {
    const body = 'JSON.parse = JSON.stringify = () => { throw new Error("replaced"); }; Map.prototype.get = () => 1; await ctx.kv.set("k", { a: 1 }); return (await ctx.kv.get("k")).a';
    expect(valueOf(await run(body))).toBe(1);
  });
});
