// The launcher of a worker: a small process that starts the worker's cells. A fork copies the page tables of the process
// that forks, and it stands still meanwhile: 5 to 30 ms for a worker, twice for each cell, and 2 ms here. It runs no agent and reads
// no word of one: the pipes of a cell are handed to the worker. It ends with the worker, and the cells with it.
// Plain JavaScript: stripping types would make it larger.
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

import { placeSession } from './cell-place.mjs';

/** @typedef {import('./launcher-protocol.ts').FromLauncher} FromLauncher */
/** @typedef {import('./launcher-protocol.ts').LaunchOrder} LaunchOrder */
/** @typedef {import('./launcher-protocol.ts').ToLauncher} ToLauncher */

const MAX_LAST_WORDS = 8192;
/** Of stderr, between two pauses. */
const BURST_BYTES = 64 * 1024;
const PAUSE_MS = 50;
/** As bubblewrap tells it, in one write. */
const CHILD_PID = /"child-pid": (\d+)/;

/** @param {FromLauncher} message @param {import('node:net').Socket} [pipe] */
function tell(message, pipe) {
  if (process.connected) process.send?.(message, pipe);
}

/** @param {number} id @param {LaunchOrder} order */
function launch(id, order) {
  const filter = order.filterPath === null ? null : openSync(order.filterPath, 'r');
  try {
    const child = spawn(order.file, order.args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', order.tellsInfo ? 'pipe' : 'ignore', ...(filter === null ? [] : [filter])],
      env: {}, cwd: '/', detached: order.leadsGroup, ...order.account,
    });
    follow(id, child);
  } finally {
    if (filter !== null) closeSync(filter);
  }
}

/** @param {number} id @param {import('node:child_process').ChildProcess} child */
function follow(id, child) {
  const [, , stderr, input, output, info] = /** @type {import('node:net').Socket[]} */ (/** @type {unknown} */ (child.stdio));
  let lastWords = '';
  if (stderr !== undefined) hearWords(stderr, child, (chunk) => { lastWords = (lastWords + chunk.toString('latin1')).slice(-MAX_LAST_WORDS); });
  info?.on('data', (chunk) => {
    const text = chunk.toString('latin1');
    tell({ kind: 'info', id, text });
    const init = CHILD_PID.exec(text)?.[1];
    if (init !== undefined) placeSession(Number(init));
  });
  stderr?.on('error', () => undefined);
  info?.on('error', () => undefined);
  child.once('error', (error) => {
    lastWords = error.message;
    if (child.pid === undefined) tell({ kind: 'closed', id, exitCode: null, lastWords });
  });
  child.once('exit', () => tell({ kind: 'exited', id }));
  // Not the child's own `close`: that waits for the pipes that were handed over.
  void Promise.all([ended(child, 'exit'), ...[stderr, info].map((pipe) => (pipe ? ended(pipe, 'close') : undefined))])
    .then(() => tell({ kind: 'closed', id, exitCode: child.exitCode, lastWords }));
  if (child.pid === undefined || input === undefined || output === undefined) return;
  hand(input, { kind: 'input', id, pid: child.pid });
  hand(output, { kind: 'output', id });
}

/**
 * No faster than somebody who means well writes: whoever floods it waits, and not the cells of others, which are started here.
 * @param {import('node:net').Socket} stderr @param {import('node:child_process').ChildProcess} child @param {(chunk: Buffer) => void} onWords
 */
function hearWords(stderr, child, onWords) {
  let heard = 0;
  stderr.on('data', (chunk) => {
    onWords(chunk);
    heard += chunk.length;
    if (heard < BURST_BYTES || child.exitCode !== null || child.signalCode !== null) return;
    heard = 0;
    stderr.pause();
    setTimeout(() => stderr.resume(), PAUSE_MS);
  });
  child.once('exit', () => stderr.resume()); // what is left is little
}

/** @param {import('node:events').EventEmitter} of @param {string} event */
const ended = (of, event) => new Promise((resolve) => { of.once(event, resolve); });

/** A pipe to its reader. Node reads from it since it was made, and what it would read here until the worker has it would be lost. @param {import('node:net').Socket} pipe @param {FromLauncher} message */
function hand(pipe, message) {
  /** @type {any} */ (pipe)._handle.readStop();
  tell(message, pipe);
}

/** @param {number} id @param {import('./launcher-protocol.ts').Program} program */
function run(id, { file, args, account }) {
  execFile(file, args, { env: {}, cwd: '/', ...account }, (error) => tell({ kind: 'ran', id, problem: error === null ? null : error.message }));
}

/** @param {ToLauncher} message */
function obey(message) {
  if (message.kind === 'launch') launch(message.id, message.order);
  else run(message.id, message.program);
}

process.on('message', (/** @type {ToLauncher} */ message) => {
  try {
    obey(message);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    tell(message.kind === 'launch' ? { kind: 'closed', id: message.id, exitCode: null, lastWords: problem } : { kind: 'ran', id: message.id, problem });
  }
});
// Its own signals are the worker's to decide: a Ctrl-C in a terminal reaches both.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());
