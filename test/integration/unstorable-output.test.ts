import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** What an agent returns or says, and what JSON or Postgres make of it. */
const CASES: [string, string, string][] = [
  ['a cycle', 'async () => { const a = {}; a.a = a; return a; }', 'RESULT_NOT_SERIALIZABLE'],
  ['a BigInt', 'async () => 1n', 'RESULT_NOT_SERIALIZABLE'],
  ['a function', 'async () => () => 1', 'RESULT_NOT_SERIALIZABLE'],
  ['a throwing getter', 'async () => ({ get x() { throw new Error("no"); } })', 'RESULT_NOT_SERIALIZABLE'],
  ['a NUL character', 'async () => "a\\u0000b"', 'RESULT_NOT_STORABLE'],
  ['a NUL character in a key', 'async () => ({ ["a\\u0000"]: 1 })', 'RESULT_NOT_STORABLE'],
  ['a lone surrogate', 'async () => ["\\ud800"]', 'RESULT_NOT_STORABLE'],
  ['nesting without end', 'async () => { let a = []; for (let i = 0; i < 500; i += 1) a = [a]; return a; }', 'RESULT_NOT_STORABLE'],
  ['too much', 'async () => "x".repeat(2_000_000)', 'RESULT_TOO_LARGE'],
  ['a log line with a NUL', 'async (_input, ctx) => { ctx.log.info("a\\u0000b"); return 1; }', 'EVENT_NOT_STORABLE'],
  ['an event with a BigInt', 'async (_input, ctx) => { ctx.emit("n", 1n); return 1; }', 'EVENT_NOT_SERIALIZABLE'],
  ['an event that is too large', 'async (_input, ctx) => { ctx.emit("n", "x".repeat(100_000)); return 1; }', 'EVENT_TOO_LARGE'],
  ['null, thrown', 'async () => { throw null; }', 'AGENT_THREW'],
  ['undefined, thrown', 'async () => { throw undefined; }', 'AGENT_THREW'],
  ['an error whose stack throws', 'async () => { const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1; } }); throw e; }', 'AGENT_THREW'],
  ['a message with a NUL, thrown', 'async () => { throw new Error("a\\u0000b"); }', 'AGENT_THREW'],
];

describe('output that cannot be kept', () => {
  let system: RunningSystem;
  let acme: BullpenClient;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis' });
    acme = await system.organization('acme');
    await deploy(acme, 'fine', 'async () => "fine"');
    for (const [index, [, run]] of CASES.entries()) await deploy(acme, `case-${index}`, run);
  });
  afterAll(async () => { await system.stop(); });

  it.each(CASES.map(([name, , code], index) => ({ name, code, agent: `case-${index}` })))('ends the run with $code: $name', async ({ agent, code }) => {
    expect(await acme.runs.create({ agent }, { wait: '30s' })).toMatchObject({ state: 'failed', error: { code } });
  });

  it('spoils no other run of the same moment', async () => {
    const agents = CASES.flatMap((_, index) => [`case-${index}`, 'fine']);
    const runs = await Promise.all(agents.map((agent) => acme.runs.create({ agent }, { wait: '60s' })));
    for (const run of runs) expect(run.state).toBe(run.agent === 'fine' ? 'succeeded' : 'failed');
  });

  it.each<[string, unknown, number, string]>([
    ['a NUL character', 'a\u0000b', 422, 'INPUT_NOT_STORABLE'],
    ['a lone surrogate', '\ud800', 422, 'INPUT_NOT_STORABLE'],
    ['more than the cap', 'x'.repeat(1024 * 1024 + 1), 413, 'INPUT_TOO_LARGE'],
  ])('is refused at the door when it is input: %s', async (_, input, status, code) => {
    await expect(acme.runs.create({ agent: 'fine', input })).rejects.toMatchObject({ code, status });
  });

  it('is refused at the door when it is input nested without end', async () => {
    const depth = 200_000;
    const response = await fetch(`${system.apis[0]?.url()}/v1/runs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.env.BULLPEN_ADMIN_KEY}`, 'x-bullpen-org': 'acme', 'content-type': 'application/json' },
      body: `{"agent":"fine","input":${'['.repeat(depth)}${']'.repeat(depth)}}`,
    });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: 'INPUT_NOT_STORABLE' });
  });
});
