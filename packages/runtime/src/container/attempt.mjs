// One attempt inside a container of any tier: loads the bundle, calls the agent, writes the reply. Plain JavaScript,
// because stripping types costs each container 20 ms and 8 MB. Guarantees: every attempt ends in exactly one reply, a
// JSON string of the union `Reply`, whatever the agent returns or throws; an error that comes up later is charged to
// the attempt that caused it (by its async context), never to the one that runs now.
import { AsyncLocalStorage } from 'node:async_hooks';

import { createContext } from './agent-context.mjs';
import { HostCalls } from './host-calls.mjs';
import { SafePromise, indexOf, jsonParse, jsonStringify, slice, startsWith } from './primordials.mjs';
import { writeJson } from './storable-json.mjs';
import { describeThrown } from './thrown.mjs';
import { Voice } from './voice.mjs';

/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {import('./voice.mjs').Line} Line */
/** @typedef {(url: string) => Promise<any>} Load */
/**
 * @typedef {{ attemptNo: number, bundleUrl: string, inputJson: string, deadline: number, attempt: number,
 *   run: import('./agent-context.mjs').RunFacts,
 *   egressProxy?: { socketPath: string, token: string } }} AttemptTask
 */
/** @typedef {{ ok: true, value: unknown } | { ok: false, during: 'load' | 'call', thrown: unknown }} Ending */
/** @typedef {{ no: number, bundleUrl: string, voice: Voice, calls: HostCalls, interrupt: (reason: string) => void, fail: (ending: Ending) => void, isOver: boolean, isTainted: boolean }} Attempt */

/** @type {AsyncLocalStorage<Attempt>} */
const attempts = new AsyncLocalStorage();
const enter = attempts.run.bind(attempts);
const storeOf = attempts.getStore.bind(attempts);

/** @type {Attempt | undefined} */
let current;
/** An interruption that came before its attempt. */
let early = '';

/** The voice of the attempt that called, or of the one that runs. */
export function currentVoice() {
  return (storeOf() ?? current)?.voice;
}

/** `answer ATTEMPT JSON`, or an interruption. @param {string} message */
export function hearHost(message) {
  if (startsWith(message, 'answer ')) answerAttempt(slice(message, 'answer '.length));
  else interruptAttempt(message);
}

/** An answer that comes after its attempt is not for the next one. @param {string} message `ATTEMPT JSON` */
function answerAttempt(message) {
  const attempt = current;
  if (attempt === undefined || !startsWith(message, `${attempt.no} `)) return;
  enter(attempt, () => attempt.calls.answer(slice(message, indexOf(message, ' ') + 1)));
}

/** `ATTEMPT REASON`. It may come before the attempt does: the two may travel on different ports. @param {string} message */
function interruptAttempt(message) {
  const attempt = current;
  if (attempt === undefined || !startsWith(message, `${attempt.no} `)) early = message;
  else enter(attempt, () => attempt.interrupt(slice(message, indexOf(message, ' ') + 1)));
}

/**
 * @param {AttemptTask} task @param {Line} line @param {Caps} caps @param {Load} [load] gives the exports of a bundle; left out: `import`
 * @returns {Promise<{ attempt: Attempt, reply: string }>}
 */
export async function runAttempt(task, line, caps, load = importBundle) {
  const voice = new Voice(line, caps);
  const calls = new HostCalls(line, caps);
  const { ctx, interrupt } = createContext(voice, calls, task);
  /** @type {Attempt} */
  const attempt = { no: task.attemptNo, bundleUrl: task.bundleUrl, voice, calls, interrupt, fail: () => undefined, isOver: false, isTainted: false };
  current = attempt;
  if (early !== '') interruptAttempt(early);
  const ending = await enter(attempt, () => drive(attempt, task, ctx, load));
  const reply = enter(attempt, () => replyOf(ending, attempt, caps));
  attempt.isOver = true;
  voice.end();
  calls.end();
  current = undefined;
  early = '';
  // Without a prototype, so that a `then` put on Object.prototype does not make a thenable of it.
  return /** @type {any} */ ({ __proto__: null, attempt, reply });
}

/**
 * Settles with what happens first: the agent returns, it throws, or something it started throws with nobody to catch.
 * @param {Attempt} attempt @param {AttemptTask} task @param {unknown} ctx @param {Load} load @returns {Promise<Ending>}
 */
function drive(attempt, task, ctx, load) {
  return new SafePromise((resolve) => {
    attempt.fail = (ending) => resolve(/** @type {any} */ ({ __proto__: null, ...ending }));
    void callAgent(attempt, task, ctx, load);
  });
}

/** @param {Attempt} attempt @param {AttemptTask} task @param {unknown} ctx @param {Load} load */
async function callAgent(attempt, task, ctx, load) {
  /** @type {'load' | 'call'} */
  let during = 'load';
  try {
    const call = agents[task.bundleUrl] ?? await loadAgent(task.bundleUrl, load);
    const input = jsonParse(task.inputJson);
    during = 'call';
    attempt.voice.started();
    attempt.fail({ ok: true, value: { __proto__: null, of: await call(input, ctx) } });
  } catch (thrown) {
    attempt.fail({ ok: false, during, thrown });
  }
}

/**
 * Agents by their bundle. `import()` would find a loaded module as well, but takes a good part of a short run to do so.
 * @type {Record<string, (input: unknown, ctx: unknown) => unknown>}
 */
const agents = /** @type {any} */ ({ __proto__: null });

/** @type {Load} */
const importBundle = (url) => import(url);

/** @param {string} url @param {Load} load */
async function loadAgent(url, load) {
  const agent = (await load(url)).default;
  if (typeof agent === 'function') return agents[url] = (/** @type {unknown} */ input, /** @type {unknown} */ ctx) => agent(input, ctx);
  if (typeof agent?.run === 'function') return agents[url] = (/** @type {unknown} */ input, /** @type {unknown} */ ctx) => agent.run(input, ctx);
  throw new TypeError('the default export of the bundle is neither a function nor an object with run()');
}

/**
 * @param {Ending} ending @param {Attempt} attempt @param {Caps} caps
 * @returns {string} a `Reply` of the host's reply.ts
 */
function replyOf(ending, attempt, caps) {
  if (!ending.ok) {
    const said = describeThrown(ending.thrown, attempt.bundleUrl);
    return jsonStringify({ __proto__: null, kind: ending.during === 'load' ? 'load_failed' : 'threw', message: said.message, stack: said.stack });
  }
  const written = writeJson(/** @type {{ of: unknown }} */ (ending.value).of, caps.resultBytes, caps.jsonDepth);
  if (written.ok) return `{"kind":"returned","result":${written.json}}`;
  return jsonStringify({ __proto__: null, kind: 'refused', problem: written.problem, detail: written.detail });
}

/**
 * Charges an error that nobody caught to its attempt; `onLate` hears it where that one is over.
 * @param {unknown} thrown @param {(attempt: Attempt, message: string) => void} onLate
 */
export function chargeUncaught(thrown, onLate) {
  const attempt = storeOf() ?? current;
  if (attempt === undefined) return;
  attempt.isTainted = true;
  if (attempt.isOver) onLate(attempt, describeThrown(thrown, attempt.bundleUrl).message);
  else attempt.fail({ ok: false, during: 'call', thrown });
}
