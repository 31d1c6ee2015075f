import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { agent, endingOf, startRig, valueOf, type Answer, type Asked, type Rig } from './runtime-rig.ts';

jest.setTimeout(120_000); // a machine short of CPU starts a thread in seconds

/**
 * What a hostile or broken agent does, and what must happen in tier basic. While each one runs, runs of another
 * organization are in flight on the same worker, and every one of them must succeed. What basic does not promise (an
 * agent that takes the process down on purpose, or asks V8 for more than there is at once) is documented, not tried.
 */

interface Case {
  readonly name: string;
  readonly bundle: string;
  readonly ending: string | RegExp;
  readonly asked?: Asked;
  readonly message?: string | RegExp;
}

const LIMIT: Asked = { timeoutMs: 300 };
const POISON = `
  JSON.stringify = () => '"poisoned"'; JSON.parse = () => "poisoned"; Object.prototype.toJSON = () => "poisoned";
  Array.prototype.push = () => { throw 1; }; Promise.prototype.then = () => { throw 2; }; Map.prototype.get = () => "poisoned";
  String.prototype.includes = () => { throw 3; }; Error.prepareStackTrace = () => "poisoned"; globalThis.poisoned = true;
  Object.defineProperty(Object.prototype, "kind", { value: "poisoned" });`;

const CASES: Case[] = [
  { name: '8: process.exit', bundle: agent('process.exit(3)'), ending: 'crashed/AGENT_EXITED', message: /exit code 3/ },
  { name: '8: process.exit(0) is no success', bundle: agent('process.exit(0)'), ending: 'crashed/AGENT_EXITED' },
  { name: '8: process.reallyExit', bundle: agent('process.reallyExit(4)'), ending: 'crashed/AGENT_EXITED' },
  { name: '8: process.exit at the top level', bundle: 'process.exit(5); export default () => 1;', ending: 'crashed/AGENT_EXITED' },
  { name: '11: process.chdir', bundle: agent('process.chdir("/")'), ending: 'failed/AGENT_THREW', message: /chdir/ },
  { name: '13: read the environment', bundle: agent('return Object.keys(process.env)'), ending: 'succeeded' },
  { name: '15: poison prototypes and JSON', bundle: agent(`${POISON} return { a: 1 };`), ending: 'succeeded' },
  { name: '16: while (true)', bundle: agent('while (true) {}'), ending: 'timed_out/TIMED_OUT', asked: LIMIT },
  { name: '17: endless microtasks', bundle: agent('await new Promise(() => { (function on() { Promise.resolve().then(on); })(); });'), ending: 'timed_out/TIMED_OUT', asked: LIMIT },
  { name: '17: a flood of promises', bundle: agent('for (;;) Promise.resolve().then(() => {});'), ending: /timed_out|out_of_memory/, asked: LIMIT },
  { name: '18: a catastrophic regular expression', bundle: agent('return /^(a+)+$/.test("a".repeat(60) + "b")'), ending: 'timed_out/TIMED_OUT', asked: LIMIT },
  { name: '19: Atomics.wait', bundle: agent('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'), ending: 'timed_out/TIMED_OUT', asked: LIMIT },
  { name: '21: a heap of objects', bundle: agent('const all = []; for (;;) all.push({ a: 1 });'), ending: 'out_of_memory/OUT_OF_MEMORY' },
  { name: '21: a heap of strings', bundle: agent('const all = []; for (let i = 0; ; i += 1) all.push(`${i} `.repeat(100));'), ending: 'out_of_memory/OUT_OF_MEMORY' },
  {
    name: '23: buffers that grow past the limit',
    bundle: agent('const all = []; for (;;) { all.push(Buffer.alloc(1 << 20, 1)); await new Promise((done) => setTimeout(done, 1)); }'),
    ending: 'out_of_memory/OUT_OF_MEMORY',
    message: /outside the heap/,
  },
  { name: '25: a string that doubles', bundle: agent('let text = "x"; for (;;) text += text;'), ending: 'failed/AGENT_THREW', message: /Invalid string length/ },
  { name: '26: recursion without end', bundle: agent('(function on() { on(); })()'), ending: 'failed/AGENT_THREW', message: /Maximum call stack/ },
  { name: '32: a result of 500 MB', bundle: agent('return "x".repeat(5e8)'), ending: 'failed/RESULT_TOO_LARGE' },
  { name: '32: 500 MB within a result', bundle: agent('return { rows: ["x".repeat(5e8)] }'), ending: 'failed/RESULT_TOO_LARGE' },
  { name: '32: a large Buffer within a result', bundle: agent('return { file: Buffer.alloc(40e6) }'), ending: 'failed/RESULT_TOO_LARGE' },
  { name: '32: a log line of 500 MB', bundle: agent('ctx.log("x".repeat(5e8))'), ending: 'failed/EVENT_TOO_LARGE' },
  { name: '32: 500 MB on the console', bundle: agent('console.log("%s", "x".repeat(5e8))'), ending: 'failed/EVENT_TOO_LARGE' },
  { name: '32: 500 MB on standard output', bundle: agent('process.stdout.write("x".repeat(5e8))'), ending: 'failed/EVENT_TOO_LARGE' },
  { name: '33: a cyclic result', bundle: agent('const a = {}; a.a = a; return a'), ending: 'failed/RESULT_NOT_SERIALIZABLE', message: /circular/ },
  { name: '33: a function as result', bundle: agent('return () => 1'), ending: 'failed/RESULT_NOT_SERIALIZABLE' },
  { name: '33: a BigInt as result', bundle: agent('return { n: 1n }'), ending: 'failed/RESULT_NOT_SERIALIZABLE', message: /BigInt/ },
  { name: '33: a getter that throws', bundle: agent('return { get x() { throw null; } }'), ending: 'failed/RESULT_NOT_SERIALIZABLE' },
  { name: '33: a NUL in the result', bundle: agent('return "a\\0"'), ending: 'failed/RESULT_NOT_STORABLE' },
  { name: '33: a result nested too deep', bundle: agent('let a = 1; for (let i = 0; i < 1000; i += 1) a = [a]; return a'), ending: 'failed/RESULT_NOT_STORABLE' },
  { name: '34: throw null', bundle: agent('throw null'), ending: 'failed/AGENT_THREW', message: 'the agent threw null' },
  { name: '34: throw undefined', bundle: agent('throw undefined'), ending: 'failed/AGENT_THREW', message: 'the agent threw undefined' },
  { name: '34: throw null from a timer', bundle: agent('setTimeout(() => { throw null; }, 1); await new Promise(() => {});'), ending: 'failed/AGENT_THREW', message: 'the agent threw null' },
  { name: '34: throwing getters', bundle: agent('throw Object.defineProperty(new Error("x"), "stack", { get() { throw 1; } })'), ending: 'failed/AGENT_THREW', message: 'x' },
  { name: '34: a message of 500 MB', bundle: agent('throw new Error("x".repeat(5e8))'), ending: 'failed/AGENT_THREW', message: /500000000 characters/ },
  { name: '35: a flood on the console', bundle: agent('for (;;) console.log("x")'), ending: 'timed_out/TIMED_OUT', asked: { timeoutMs: 500 } },
  { name: '37: a thenable that never settles', bundle: agent('return { then() {} }'), ending: 'timed_out/TIMED_OUT', asked: LIMIT },
];

/** Runs of another organization, one after the other, from before the hostile one until after it. */
async function withCanary(rig: Rig, hostile: () => Promise<Answer>): Promise<{ answer: Answer; canaries: unknown[] }> {
  const bundle = agent('await new Promise((done) => setTimeout(done, 20)); return [input * 2, JSON.stringify({ a: [1] }), globalThis.poisoned ?? "clean"]');
  const running = Promise.withResolvers<void>();
  const canaries: unknown[] = [];
  let isOver = false;
  const singing = (async () => {
    for (let i = 0; !isOver || i < 1; i += 1) {
      canaries.push(valueOf(await rig.run(bundle, { orgId: 'canary', input: 21, onStarted: () => running.resolve() })));
    }
  })();
  await running.promise;
  const answer = await hostile();
  isOver = true;
  await singing;
  return { answer, canaries };
}

describe('a hostile or broken agent in tier basic', () => {
  let rig: Rig;
  beforeAll(async () => { rig = await startRig(); });
  afterAll(async () => { await rig.stop(); });

  it.each(CASES)('$name', async ({ bundle, ending, asked, message }) => {
    const { answer, canaries } = await withCanary(rig, () => rig.run(bundle, asked ?? {}));
    expect(endingOf(answer)).toMatch(typeof ending === 'string' ? new RegExp(`^${ending}$`) : ending);
    if (message !== undefined) expect(answer.outcome).toMatchObject({ error: { message: typeof message === 'string' ? message : expect.stringMatching(message) } });
    for (const sung of canaries) expect(sung).toEqual([42, '{"a":[1]}', 'clean']);
    expect(valueOf(await rig.run(agent('return "next"'), { orgId: 'canary' }))).toBe('next');
  });

  it.each([
    ['an interval', 'setInterval(() => {}, 1); return 1'],
    ['a timer that throws', 'setTimeout(() => { throw new Error("left"); }, 2); return 1'],
    ['a rejection', 'setTimeout(() => Promise.reject(new Error("left")), 2); return 1'],
    ['a rejection at once', 'Promise.reject(new Error("left")); return 1'],
    ['an unreferenced timer that throws', 'setTimeout(() => { throw new Error("left"); }, 2).unref(); return 1'],
    ['endless microtasks', '(function on() { Promise.resolve().then(on); })(); return 1'],
    ['a server', 'const { createServer } = await import("node:net"); createServer().listen(0, "127.0.0.1"); return 1'],
    ['a thread', 'const { Worker } = await import("node:worker_threads"); new Worker("setInterval(() => {}, 1)", { eval: true }); return 1'],
  ])('36: leaves %s behind, and the runs after it are not hurt', async (name, body) => {
    const orgId = `left-${name.replaceAll(' ', '-')}`;
    const { answer } = await withCanary(rig, () => rig.run(agent(body), { orgId }));
    expect(valueOf(answer)).toBe(1);
    const after = agent('await new Promise((done) => setTimeout(done, 20)); return "unhurt"');
    for (let i = 0; i < 3; i += 1) expect(valueOf(await rig.run(after, { orgId }))).toBe('unhurt');
  });
});
