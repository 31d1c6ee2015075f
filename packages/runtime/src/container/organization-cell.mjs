// The main thread of an organization's cell: a process that hosts that organization's containers, one Piscina thread
// each, and runs no agent itself. It says nothing of its own: it passes lines on between the pipes and the threads,
// starts and ends threads, and measures them. Frames are a length of four bytes (little-endian) and JSON; they come in
// on file descriptor 3 and go out, written synchronously, on 4. When the pipe ends the cell ends.
import { access } from 'node:fs';
import { Socket } from 'node:net';

import { frameReader, writeFrame } from './frame-pipe.mjs';
import { PiscinaThread, deathOfThread } from './piscina-thread.mjs';

/** @typedef {import('../cell/organization-protocol.ts').FrameToOrganizationCell} FrameIn */
/** @typedef {{ id: number, nonce: string, thread: PiscinaThread, hasToldStart: boolean }} Container */

const IN = 3;
const OUT = 4;
/** What each thread runs: it lies beside this script. */
const ENTRY = `${import.meta.dirname}/entry.cjs`;

/** @type {Map<number, Container>} */
const containers = new Map();

/** Each frame wakes the supervisor: that an attempt has begun comes with what is said of it next. @param {string} kind @param {Container} of @param {object} [facts] */
function send(kind, of, facts) {
  const isNews = isStartUntold(of);
  if (isNews) of.hasToldStart = true;
  writeFrame(OUT, JSON.stringify({ kind, container: of.id, nonce: of.nonce, ...(isNews ? { startedAtMs: of.thread.startedAtMs } : {}), ...facts }));
}

/** @param {Container} container */
const isStartUntold = ({ hasToldStart, thread }) => !hasToldStart && thread.startedAtMs > 0;

/** @param {Extract<FrameIn, { kind: 'start' }>} frame */
function start({ container: id, nonce, limitMb, caps }) {
  // An event or a call beyond its cap is refused in the thread; what is longer all the same was not written by our code.
  const maxChars = Math.max(caps.eventBytes, caps.callBytes) + 1024;
  try {
    const thread = new PiscinaThread({
      limitMb,
      caps,
      inherits: true,
      entryPath: ENTRY,
      onLine: (line) => { if (typeof line === 'string' && line.length <= maxChars) send('said', container, { line }); },
      onFault: () => undefined, // told by the end of the attempt, or of the thread
    });
    /** @type {Container} */
    const container = { id, nonce, thread, hasToldStart: false };
    containers.set(id, container);
    thread.opened().then(() => send('opened', container), () => undefined);
    // After the end of the attempt that ran: it says more than that the thread is gone.
    void thread.gone.then(() => setImmediate(() => {
      containers.delete(id);
      send('gone', container, { message: thread.fault.slice(0, 4096) });
    }));
  } catch (error) {
    writeFrame(OUT, JSON.stringify({ kind: 'gone', container: id, nonce, message: String(error).slice(0, 4096) }));
  }
}

/** @param {Container} container @param {import('./attempt.mjs').AttemptTask} task @param {number} maxChars */
async function run(container, task, maxChars) {
  const { thread } = container;
  try {
    const text = await thread.run(task);
    await turned();
    const fits = typeof text === 'string' && text.length <= maxChars;
    send('reply', container, { text: fits ? text : null, dropped: thread.droppedEvents, reading: thread.finalReading, hasSettled: thread.hasSettled() });
  } catch (error) {
    await thread.gone;
    const how = deathOfThread(error);
    send('died', container, { how: how.kind === 'failed' ? { ...how, message: how.message.slice(0, 4096) } : how, dropped: thread.droppedEvents });
  }
}

/** What the thread says or has done right after its reply comes with it, if it is quick. */
function turned() {
  return new Promise((resolve) => { setImmediate(resolve); });
}

/** @param {Container} container */
async function measure(container) {
  if (isStartUntold(container)) send('started', container); // a thread inside a native call does not answer
  const reading = await container.thread.read().catch(() => null);
  send('reading', container, { reading, dropped: container.thread.droppedEvents });
}

/** @param {Container} container @param {FrameIn} frame */
function obey(container, frame) {
  switch (frame.kind) {
    case 'run':
      container.nonce = frame.nonce;
      container.hasToldStart = false;
      void run(container, frame.task, MAX_REPLY_CHARS);
      break;
    case 'tell':
      container.thread.tell(frame.line);
      break;
    case 'measure':
      void measure(container);
      break;
    case 'terminate':
      send('terminating', container);
      void container.thread.terminate();
      break;
  }
}

const MAX_REPLY_CHARS = 1024 * 1024 + 1024;

/** @param {FrameIn} frame */
function onFrame(frame) {
  if (frame.kind === 'start') return start(frame);
  const container = containers.get(frame.container);
  if (container !== undefined) obey(container, frame);
}

for (const name of Object.keys(process.env)) delete process.env[name];
process.on('uncaughtException', () => undefined); // an attempt's own troubles are told by its thread
process.on('unhandledRejection', () => undefined);
// Starts the threads of Node's pool, whose stacks would otherwise count as the first agent's memory: they are there when this returns.
access(import.meta.filename, () => undefined);
const input = new Socket({ fd: IN, readable: true, writable: false, onread: frameReader(onFrame) });
input.on('close', () => process.kill(process.pid, 'SIGKILL')); // process.exit would wait for threads inside native calls
writeFrame(OUT, '{"kind":"ready"}');
