// The thread's side of a container in a thread: what Piscina calls once, and then what comes by the port that it brought. Guarantees: once the event loop has turned
// after a reply, the host is told what the attempt left behind, and nothing runs here before it has heard so. Each message wakes the host:
// that an attempt has begun, and that it has left nothing behind, is written where the host looks when it has the reply.
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';

import { captureConsole } from './agent-context.mjs';
import { chargeUncaught, currentVoice, hearHost, runAttempt } from './attempt.mjs';
import { activeResources, areBuiltinsReplaced, exchange, heapStatistics, join, later, now, slice, startsWith, threadCpuUsage, uncurryThis } from './primordials.mjs';
import { ASKED, SETTLED } from './turn.mjs';

const postMessage = uncurryThis(workerThreads.MessagePort.prototype.postMessage);

const MIB = 1024 * 1024;

/** @typedef {import('./attempt.mjs').Attempt} Attempt */
/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {import('./voice.mjs').Line} Line */
/** @typedef {import('node:worker_threads').MessagePort} MessagePort */
/** @typedef {{ kind: 'open', port: MessagePort, told: Float64Array, turn: Int32Array, caps: Caps, mayStartThreads: boolean }} OpenTask */
/** @typedef {import('./attempt.mjs').AttemptTask} AttemptTask */

/** @type {OpenTask | undefined} */
let opened;
/** @type {string[]} */
let resourcesAtRest = [];

/** @param {OpenTask} task */
export default async function open(task) {
  opened = task;
  task.port.on('message', hear);
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  captureConsole(currentVoice);
  if (!task.mayStartThreads) refuseThreads();
  later(() => {
    resourcesAtRest = activeResources();
    postMessage(task.port, 'settled 0');
  });
  return 'opened';
}

/** An attempt, or a line. A ping is answered when the event loop turns: that is what it asks. @param {AttemptTask | string} line */
function hear(line) {
  if (typeof line === 'object') void run(line);
  else if (startsWith(line, 'ping ')) postMessage(/** @type {OpenTask} */ (opened).port, `pong ${slice(line, 5)}`);
  else hearHost(line);
}

/**
 * In a cell each thread has its share of the memory that the kernel gives, and one more would end the cell. Not a wall: an
 * agent that finds another way ends the cell, and is found out.
 */
function refuseThreads() {
  const refused = class Worker {
    constructor() {
      throw Object.assign(new Error('agents of this tier start no threads'), { code: 'ERR_ACCESS_DENIED' });
    }
  };
  Object.defineProperty(workerThreads, 'Worker', { value: refused, writable: false, configurable: false });
  syncBuiltinESMExports();
}

/** @param {AttemptTask} task */
async function run(task) {
  const { port, caps, told } = /** @type {OpenTask} */ (opened);
  let text = '';
  try {
    const { attempt, reply } = await runAttempt(task, lineOf(port, task.attemptNo, told), caps);
    text = reply;
    later(() => settle(attempt));
  } finally {
    tellReading(told);
    postMessage(port, `reply ${task.attemptNo} ${text}`); // with a fault of ours: that is no reply, and the attempt has crashed
  }
}

/**
 * Drops are counted in memory that the host reads, so that the count is known even when the thread is killed.
 * @param {MessagePort} port @param {number} no @param {Float64Array} told @returns {Line}
 */
function lineOf(port, no, told) {
  return {
    started: () => { told[4] = now(); },
    event: (json) => postMessage(port, `event ${no} ${json}`),
    fault: (code, detail) => postMessage(port, `fault ${no} ${code} ${detail}`),
    dropped: (count) => { told[0] = count; },
    call: (json) => postMessage(port, `call ${no} ${json}`),
  };
}

/** What this thread has and has used by now: its heap, memory outside of it (MB), CPU time (ms). @param {Float64Array} told */
function tellReading(told) {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = heapStatistics();
  const { user, system } = threadCpuUsage();
  told[1] = heapBytes / MIB;
  told[2] = externalBytes / MIB;
  told[3] = (user + system) / 1000;
}

/** @param {unknown} thrown */
function onUncaught(thrown) {
  chargeUncaught(thrown, ({ no }, message) => postMessage(/** @type {OpenTask} */ (opened).port, `late ${no} ${message}`));
}

/**
 * Tells what the attempt left behind, by the names Node has for it; nothing after the number means nothing, and that the host finds by itself
 * where it has not asked yet.
 * @param {Attempt} attempt
 */
function settle(attempt) {
  const { port, turn } = /** @type {OpenTask} */ (opened);
  const left = leftovers(attempt);
  if (left !== '') postMessage(port, `settled ${attempt.no} ${left}`);
  else if (exchange(turn, 0, SETTLED) === ASKED) postMessage(port, `settled ${attempt.no}`);
}

/** @param {Attempt} attempt */
function leftovers(attempt) {
  const resources = activeResources();
  if (resources.length > resourcesAtRest.length) return join(resources, ',');
  if (attempt.isTainted) return 'an error';
  return areBuiltinsReplaced() ? 'replaced builtins' : '';
}
