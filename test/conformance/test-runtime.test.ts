import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { egressManifestSchema, type AgentManifestInput, type AttemptLimits, type RunEvent } from '@bullpen/core';
import type { Agent, AgentContext } from '@bullpen/sdk';
import { createTestRuntime } from '@bullpen/sdk/testing';

import { memoryServices } from '../integration/memory-services.ts';
import { agent as bundleOf, startRig, type Rig } from '../integration/runtime-rig.ts';

/**
 * The same agents in a container and in `createTestRuntime()`: what a test sees is what production does. Compared are the
 * end (state, code, message, result) and every event.
 */
const AsyncFunction = (async () => undefined).constructor as new (...source: string[]) => (input: unknown, ctx: AgentContext) => Promise<unknown>;

interface Case {
  readonly body: string;
  readonly input?: unknown;
  readonly manifest?: AgentManifestInput;
  readonly limits?: AttemptLimits;
  readonly timeoutMs?: number;
}

const SECRETS = { TOKEN: 's3cr3t-value-0123' };
const LONG = '"x".repeat(70000)';

const CASES: Record<string, Case> = {
  'returns what JSON makes of its result': { body: 'return { got: input, at: new Date(0), gone: undefined }', input: { a: [1, null] } },
  'returns nothing': { body: '' },
  'is given its input as a copy': { body: 'input.a.push(1); return input', input: { a: [] } },
  'logs at every level, with fields': { body: 'ctx.log("a", { n: 1 }); ctx.log.debug("b"); ctx.log.warn("c"); ctx.log.error("d")' },
  'emits and tells its progress': { body: 'ctx.emit("part", { n: 1 }); ctx.emit("nothing"); ctx.progress(0.5, "half"); ctx.progress(7)' },
  'knows its run': { body: 'const { agent, version, metadata } = ctx.run; return [agent, version, metadata, ctx.attempt, ctx.deadline > Date.now(), ctx.signal.aborted]' },
  'throws': { body: 'throw new TypeError("no such thing")' },
  'throws an error without a class of its own': { body: 'throw new Error("plain")' },
  'throws null': { body: 'throw null' },
  'returns a BigInt': { body: 'return 1n' },
  'returns a function': { body: 'return () => 1' },
  'returns a NUL character': { body: 'return "a\\0b"' },
  'returns too much for its limit': { body: 'return "x".repeat(100)', limits: { resultBytes: 50 } },
  'says more than its limit': { body: 'for (let i = 0; i < 50; i += 1) ctx.log("0123456789"); return await new Promise(() => {})', limits: { logBytes: 200 } },
  'says an event that is too large, and catches it': { body: `try { ctx.emit("big", ${LONG}) } catch (error) { return error.code }` },
  'emits under a bad name': { body: 'try { ctx.emit("", 1) } catch (error) { return [error.name, error.message] }' },
  'never ends': { body: 'await new Promise(() => {})', timeoutMs: 60 },
  'reads a secret, and what it says of it is redacted': {
    body: 'const value = await ctx.secrets.get("TOKEN"); ctx.log(`it is ${value}`); throw new Error(`with ${value}`)', manifest: { secrets: ['TOKEN'] },
  },
  'asks for secrets that it does not declare, or that are not there': {
    body: 'const codes = []; for (const name of ["TOKEN", "GONE"]) await ctx.secrets.get(name).catch((error) => codes.push(error.code)); return codes', manifest: { secrets: ['GONE'] },
  },
  'keeps entries': {
    body: `const first = await ctx.kv.set("a", { n: 1 }, { ifRevision: 0 }); await ctx.kv.set("b", 2);
      const lost = await ctx.kv.set("a", 3, { ifRevision: first + 100 }).catch((error) => error.code);
      const { entries, next } = await ctx.kv.list({ limit: 10 });
      return [await ctx.kv.get("a"), await ctx.kv.get("zzz") ?? null, lost, entries.map(({ key, value }) => [key, value]), next, await ctx.kv.delete("a"), await ctx.kv.delete("a")]`,
  },
  'is refused entries beyond their bounds': {
    body: 'return [await ctx.kv.set("big", "x".repeat(70000)).catch((e) => e.code), await ctx.kv.get("").catch((e) => e.code), await ctx.kv.set("a", undefined).catch((e) => e.name)]',
  },
  'may connect nowhere': { body: 'return await ctx.fetch("https://api.example.com/").catch((error) => error.code)' },
  'may not connect beyond its allowlist': {
    body: 'return await ctx.fetch("https://other.example.com/").catch((error) => error.code)', manifest: { egress: { allow: [{ host: 'api.example.com' }] } },
  },
  'makes spans within spans': {
    body: 'return await ctx.trace.span("outer", { k: "v" }, async (span) => { span.setAttribute("n", 1); await ctx.trace.span("inner", async () => 1); return 2 })',
  },
};

/** Without what differs by nature: times, ids of spans. */
function comparable(events: readonly RunEvent[]): unknown[] {
  const names = new Map<string, string>();
  for (const event of events) if (event.type === 'span') names.set(event.id, event.name);
  return events.map((event) => {
    if (event.type !== 'span') return event;
    const { id: _, startMs: _start, endMs: _end, parentId, ...rest } = event;
    return { ...rest, parent: parentId === null ? null : names.get(parentId) };
  });
}

describe('an agent in createTestRuntime(), as in a container', () => {
  let rig: Rig;
  beforeAll(async () => {
    const services = memoryServices();
    for (const [name, value] of Object.entries(SECRETS)) services.secretValues.set(`acme/${name}`, value);
    rig = await startRig({ services });
  });
  afterAll(() => rig.stop());

  async function inContainer({ body, input, manifest = {}, limits = {}, timeoutMs }: Case, name: string) {
    const { outcome, events } = await rig.run(bundleOf(body), {
      agent: name, input, limits, metadata: { team: 'blue' }, secrets: manifest.secrets ?? [],
      ...(manifest.egress === undefined ? {} : { egress: egressManifestSchema.parse(manifest.egress) }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    if (outcome.kind === 'interrupted') throw new Error(`interrupted: ${outcome.reason}`);
    if (outcome.kind === 'succeeded') return { state: 'succeeded', result: JSON.parse(outcome.resultJson) as unknown, error: null, events: comparable(events) };
    return { state: outcome.state, result: null, error: { code: outcome.error.code, message: outcome.error.message }, events: comparable(events) };
  }

  async function inTest({ body, input = null, manifest = {}, limits = {}, timeoutMs }: Case, name: string) {
    const runtime = createTestRuntime({ orgId: 'acme', secrets: SECRETS });
    const agent: Agent<unknown> = { name, manifest, run: new AsyncFunction('input', 'ctx', body) };
    const run = await runtime.run(agent, input, { limits, metadata: { team: 'blue' }, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    const error = run.error === null ? null : { code: run.error.code, message: run.error.message };
    return { state: run.state, result: run.result, error, events: comparable(run.events.map(({ event }) => event)) };
  }

  it.each(Object.keys(CASES))('%s', async (title) => {
    const one = CASES[title] as Case;
    const name = `case-${Object.keys(CASES).indexOf(title)}`;
    const [real, tested] = [await inContainer(one, name), await inTest(one, name)];
    // A container counts bytes while JSON is written, and stops: it knows the cap, not the size. How much an agent says before its
    // attempt is over is a matter of time.
    const plain = (text: unknown): unknown => JSON.parse(JSON.stringify(text).replace(/more than \d+ bytes|\d+ bytes of \d+/g, 'too many bytes').replace(/"type":"dropped","count":[1-9]\d*|"count":[1-9]\d*,"type":"dropped"/g, '"type":"dropped"'));
    expect(plain(tested)).toEqual(plain(real));
  });
});
