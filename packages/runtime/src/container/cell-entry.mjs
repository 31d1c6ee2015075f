// The main thread of a strict cell: a process for one attempt. It is started blank and rehearses with an agent of our
// own, on the very way that an attempt takes, so that nothing on it is done for the first time; then it sleeps in a read
// until the one frame comes that says what to run. Frames are a length of four bytes (little-endian) and JSON; they come
// in on file descriptor 3 and go out, written synchronously, on 4: what was said before a kill has left the process.
import { access, readFileSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { inspect } from 'node:util';

import { captureConsole } from './agent-context.mjs';
import { chargeUncaught, currentVoice, hearHost, runAttempt } from './attempt.mjs';
import { compiledCode, loadBundle } from './bundle-loader.mjs';
import { FrameSleeper, frameReader, writeFrame } from './frame-pipe.mjs';
import { jsonStringify } from './primordials.mjs';

/** @typedef {import('./attempt.mjs').AttemptTask} AttemptTask */
/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {{ kind: 'run', nonce: string, caps: Caps, task: AttemptTask, source: string | null, hasCache: boolean }} RunFrame */
/** @typedef {RunFrame | { kind: 'compile', nonce: string, bundleUrl: string } | { kind: 'say', message: string }} FrameIn */

const IN = 3;
const OUT = 4;
const BUNDLES = 'file:///bundle/';
/** Each rehearsal has a module of its own: `file:///bundle/rehearsal-0.mjs`. */
const REHEARSALS = `${BUNDLES}rehearsal-`;
/** For each that is asked for, after the first. Until then code is still being made faster: 0.6 ms to the first line after 4 in all, 0.55 after 16. */
const SILENT_REHEARSALS = 4;
const REHEARSED = `${import.meta.dirname}/rehearsal-agent.mjs`;
const frames = new FrameSleeper(IN);

/** @param {string} json */
const send = (json) => writeFrame(OUT, json);

/** The bundle that is asked for, its source where that came in the frame, and whether its compiled code lies beside it. */
let asked = '';
/** @type {string | null} */
let told = null;
let hasCache = false;
/** The compiled code was of no use. */
let wasRefused = false;

/** @param {string} url */
const pathOf = (url) => (url.startsWith(REHEARSALS) ? REHEARSED : url.slice('file://'.length));

/** @param {string} url */
const sourceOf = (url) => (url === asked ? told : null) ?? readFileSync(pathOf(url), 'utf8');

/** @param {string} url */
function load(url) {
  const cache = hasCache ? readFileSync(pathOf(url).replace(/\.mjs$/, '.cache')) : undefined;
  return loadBundle(url, { source: sourceOf(url), cache }, importIt, () => { wasRefused = true; });
}

/** Node's own way, for a bundle that imports what is not built into Node; itself it is found and read by its one path. @param {string} url */
function importIt(url) {
  registerHooks({
    resolve: (specifier, context, next) => specifier.startsWith(BUNDLES) ? { url: specifier, format: 'module', shortCircuit: true } : next(specifier, context),
    load: (at, context, next) => at.startsWith(BUNDLES) ? { format: 'module', shortCircuit: true, source: sourceOf(at) } : next(at, context),
  });
  return import(url);
}

/** Compiles a bundle, executes nothing of it, says what V8 made of it. @param {Extract<FrameIn, { kind: 'compile' }>} frame */
function compile({ nonce, bundleUrl }) {
  const code = compiledCode(bundleUrl, sourceOf(bundleUrl)).toString('base64');
  send(`{"nonce":${jsonStringify(nonce)},"kind":"compiled","code":"${code}"}`);
}

/** @param {string} nonce @param {(json: string) => void} say @returns {import('./voice.mjs').Line} */
function lineOf(nonce, say) {
  const opening = `{"nonce":${jsonStringify(nonce)},"kind":`;
  return {
    started: () => say(wasRefused ? `${opening}"started","cacheRefused":true}` : `${opening}"started"}`),
    event: (json) => say(`${opening}"event","event":${json}}`),
    fault: (code, detail) => say(`${opening}"fault","code":${jsonStringify(code)},"detail":${jsonStringify(detail)}}`),
    // Told at each power of two: a kill in the flood leaves at least half of the count.
    dropped: (count) => { if ((count & (count - 1)) === 0) say(`${opening}"dropped","count":${count}}`); },
    call: (json) => say(`${opening}"call","call":${json}}`),
  };
}

/** @param {RunFrame} frame @param {(json: string) => void} [say] */
async function run({ nonce, caps, task, source, hasCache: isCached }, say = send) {
  asked = task.bundleUrl;
  told = source;
  hasCache = isCached;
  const { attempt, reply } = await runAttempt(task, lineOf(nonce, say), caps, load);
  say(`{"nonce":${jsonStringify(nonce)},"kind":"reply","dropped":${attempt.voice.droppedCount},"reply":${reply}}`);
}

/** The next frame. Nothing else happens in a blank cell, so it may sleep here. */
function waitForFrame() {
  const frame = frames.next();
  if (frame === null) process.exit(); // the supervisor is gone
  return frame;
}

/** Takes 1.5 ms to load, and is of no use before the agent's first line. */
const net = () => process.getBuiltinModule('node:net');

/** Not before the agent's first line: what comes from now on is an interruption, or the answer to a call. */
function listen() {
  const onFrame = (/** @type {FrameIn} */ later) => { if (later.kind === 'say') hearHost(later.message); };
  new (net().Socket)({ fd: IN, readable: true, writable: false, onread: frameReader(onFrame, frames.rest) });
}

const onUncaught = (/** @type {unknown} */ thrown) => chargeUncaught(thrown, () => undefined);

/** More of the same, without the supervisor's time. @param {RunFrame} frame @param {number} times */
async function rehearseAlone(frame, times) {
  net();
  for (let i = 0; i < SILENT_REHEARSALS; i += 1) {
    const task = { ...frame.task, bundleUrl: `${REHEARSALS}${times}-${i}.mjs` };
    await run({ ...frame, task }, () => undefined);
  }
}

/** Becomes blank, rehearses what it is told to, and does the one thing that it is asked for. */
async function main() {
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
  for (const name of Object.keys(process.env)) delete process.env[name];
  captureConsole(currentVoice);
  // Starts the threads of Node's pool, whose stacks would otherwise count as the agent's memory: they are there when this returns.
  access(import.meta.filename, () => undefined);
  send('{"nonce":"","kind":"ready"}');
  let frame = waitForFrame();
  for (let times = 0; frame.kind === 'run' && frame.task.bundleUrl.startsWith(REHEARSALS); times += 1) {
    if (times > 0) await rehearseAlone(frame, times); // whoever rehearses again is in no hurry
    await run(frame);
    frame = waitForFrame();
  }
  if (frame.kind === 'compile') compile(frame);
  else {
    void run(frame);
    setImmediate(listen);
  }
}

main().catch((/** @type {unknown} */ error) => {
  writeSync(2, `${inspect(error)}\n`);
  process.exit(1);
});
