// The main thread of a strict cell: a process for one attempt. It is started blank and rehearses with an agent of our
// own, so that nothing on the way to an agent's first line is done for the first time; then it waits for the one frame
// that says what to run. Frames are a length of four bytes (little-endian) and JSON; they come in on file descriptor 3
// and go out, written synchronously, on 4: what was said before a kill has left the process.
import { readFile, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { Socket } from 'node:net';

import { captureConsole } from './agent-context.mjs';
import { chargeUncaught, currentVoice, interruptAttempt, runAttempt } from './attempt.mjs';
import { onFrames, writeFrame } from './frame-pipe.mjs';
import { jsonParse, jsonStringify } from './primordials.mjs';

/** @typedef {import('./attempt.mjs').AttemptTask} AttemptTask */
/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {{ kind: 'run', nonce: string, caps: Caps, task: AttemptTask } | { kind: 'interrupt', message: string }} FrameIn */

const IN = 3;
const OUT = 4;
const BUNDLES = 'file:///bundle/';
const BLANK = `${BUNDLES}blank.mjs`;

/** @param {string} json */
const send = (json) => writeFrame(OUT, json);

/** A bundle is found and read by its one path: Node's own way looks for packages around it, and reads in other threads. */
registerHooks({
  resolve: (specifier, context, next) => specifier.startsWith(BUNDLES) ? { url: specifier, format: 'module', shortCircuit: true } : next(specifier, context),
  load(url, context, next) {
    if (!url.startsWith(BUNDLES)) return next(url, context);
    const source = url === BLANK ? 'export default (input) => input;' : readFileSync(url.slice('file://'.length), 'utf8');
    return { format: 'module', shortCircuit: true, source };
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
  };
}

/** @param {Extract<FrameIn, { kind: 'run' }>} frame */
async function run({ nonce, caps, task }) {
  const { attempt, reply } = await runAttempt(task, lineOf(nonce), caps);
  send(`{"nonce":${jsonStringify(nonce)},"kind":"reply","dropped":${attempt.voice.droppedCount},"reply":${reply}}`);
}

/** Takes the way of an attempt with an agent that does nothing, and is heard by nobody. */
async function rehearse() {
  const caps = { eventBytes: 1024, eventsPerAttempt: 10, eventBytesPerAttempt: 1024, resultBytes: 1024, jsonDepth: 8 };
  const run = { id: '', orgId: '', agent: '', version: 1, metadata: {} };
  const silence = { started: () => undefined, event: () => undefined, fault: () => undefined, dropped: () => undefined };
  const task = jsonParse(jsonStringify({ attemptNo: 0, bundleUrl: BLANK, inputJson: '[1]', deadline: 0, attempt: 1, run }));
  await runAttempt(task, silence, caps);
  // Starts the threads of Node's pool, whose stacks would otherwise count as the agent's memory.
  await new Promise((resolve) => readFile(import.meta.filename, resolve));
}

/** @param {FrameIn} frame */
function onFrame(frame) {
  if (frame.kind === 'run') void run(frame);
  else interruptAttempt(frame.message);
}

const onUncaught = (/** @type {unknown} */ thrown) => chargeUncaught(thrown, () => undefined);
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onUncaught);
for (const name of Object.keys(process.env)) delete process.env[name];
captureConsole(currentVoice);
await rehearse();
const input = new Socket({ fd: IN, readable: true, writable: false });
onFrames(input, onFrame);
input.on('close', () => process.kill(process.pid, 'SIGKILL')); // nobody is there any more
send('{"nonce":"","kind":"ready"}');
