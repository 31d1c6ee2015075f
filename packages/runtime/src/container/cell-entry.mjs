// The main thread of a strict cell: a process for one attempt. It is started blank and rehearses with an agent of our
// own, on the very way that an attempt takes, so that nothing on it is done for the first time; then it sleeps in a read
// until the one frame comes that says what to run. Frames are a length of four bytes (little-endian) and JSON; they come
// in on file descriptor 3 and go out, written synchronously, on 4: what was said before a kill has left the process.
import { readFile, readFileSync, readSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { Socket } from 'node:net';

import { captureConsole } from './agent-context.mjs';
import { chargeUncaught, currentVoice, hearHost, runAttempt } from './attempt.mjs';
import { onFrames, writeFrame } from './frame-pipe.mjs';
import { jsonParse, jsonStringify } from './primordials.mjs';

/** @typedef {import('./attempt.mjs').AttemptTask} AttemptTask */
/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {{ kind: 'run', nonce: string, caps: Caps, task: AttemptTask, source: string | null } | { kind: 'say', message: string }} FrameIn */

const IN = 3;
const OUT = 4;
const BUNDLES = 'file:///bundle/';
/** Each rehearsal has a module of its own: `file:///bundle/rehearsal-0.mjs`. */
const REHEARSALS = `${BUNDLES}rehearsal-`;
const REHEARSED = `${import.meta.dirname}/rehearsal-agent.mjs`;
const { allocUnsafe } = Buffer;

/** @param {string} json */
const send = (json) => writeFrame(OUT, json);

/** The bundle that is asked for, and its source where that came in the frame. */
let asked = '';
/** @type {string | null} */
let told = null;

/** A bundle is found and read by its one path: Node's own way looks for packages around it, and reads in other threads. */
registerHooks({
  resolve: (specifier, context, next) => specifier.startsWith(BUNDLES) ? { url: specifier, format: 'module', shortCircuit: true } : next(specifier, context),
  load(url, context, next) {
    if (!url.startsWith(BUNDLES)) return next(url, context);
    return { format: 'module', shortCircuit: true, source: (url === asked ? told : null) ?? readFileSync(url.startsWith(REHEARSALS) ? REHEARSED : url.slice('file://'.length), 'utf8') };
  },
});

/** @param {string} nonce @returns {import('./voice.mjs').Line} */
function lineOf(nonce) {
  const opening = `{"nonce":${jsonStringify(nonce)},"kind":`;
  return {
    started: () => send(`${opening}"started"}`),
    event: (json) => send(`${opening}"event","event":${json}}`),
    fault: (code, detail) => send(`${opening}"fault","code":${jsonStringify(code)},"detail":${jsonStringify(detail)}}`),
    // Told at each power of two: a kill in the flood leaves at least half of the count.
    dropped: (count) => { if ((count & (count - 1)) === 0) send(`${opening}"dropped","count":${count}}`); },
    call: (json) => send(`${opening}"call","call":${json}}`),
  };
}

/** @param {Extract<FrameIn, { kind: 'run' }>} frame */
async function run({ nonce, caps, task, source }) {
  asked = task.bundleUrl;
  told = source;
  const { attempt, reply } = await runAttempt(task, lineOf(nonce), caps);
  send(`{"nonce":${jsonStringify(nonce)},"kind":"reply","dropped":${attempt.voice.droppedCount},"reply":${reply}}`);
}

/** The next frame. Nothing else happens in a blank cell, so it may sleep here: that wakes sooner than an event does. */
function waitForFrame() {
  const head = readExactly(allocUnsafe(4));
  return jsonParse(readExactly(allocUnsafe(head.readUInt32LE())).toString('utf8'));
}

/** @param {Buffer} into */
function readExactly(into) {
  for (let at = 0; at < into.length;) {
    const length = readSync(IN, into, at, into.length - at, null);
    if (length === 0) process.exit(); // the supervisor is gone
    at += length;
  }
  return into;
}

/** Not before the agent's first line: what comes from now on is an interruption, or the answer to a call. */
function listen() {
  const input = new Socket({ fd: IN, readable: true, writable: false });
  onFrames(input, (/** @type {FrameIn} */ later) => { if (later.kind === 'say') hearHost(later.message); });
}

const onUncaught = (/** @type {unknown} */ thrown) => chargeUncaught(thrown, () => undefined);
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);
for (const name of Object.keys(process.env)) delete process.env[name];
captureConsole(currentVoice);
// Starts the threads of Node's pool, whose stacks would otherwise count as the agent's memory.
await new Promise((resolve) => readFile(import.meta.filename, resolve));
send('{"nonce":"","kind":"ready"}');
let frame = waitForFrame();
for (; frame.task.bundleUrl.startsWith(REHEARSALS); frame = waitForFrame()) await run(frame);
void run(frame);
setImmediate(listen);
