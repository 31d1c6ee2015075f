import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';

import { SIZE_CAPS, messageOf } from '@bullpen/core';

import { within } from '../bounded-wait.ts';
import { MAX_CELL_BYTES, MAX_FRAME_BYTES, readFrame, type CellTask, type FrameFromCell, type FrameToCell } from './cell-protocol.ts';
import { FrameReader, frameOf } from './frames.ts';
import { ProcessReadings, childOf, readMachineUnits, statusMb, type CellReading } from './process-readings.ts';
import type { Wall } from './wall.ts';

/**
 * One strict cell from the outside: bubblewrap, in it the first process of a pid namespace, in it Node. Guarantees:
 * `start` resolves when the cell is blank, rehearsed and limited; one attempt at most is handed to it; every frame it
 * wrote is heard before `gone` settles; a kill takes the whole namespace, whatever its processes do; its descriptors
 * and its directory go with it; it does not outlive this process.
 */
export interface CellEnd {
  /** As bubblewrap tells it: 128 and the number of a signal; null where bubblewrap itself was killed. */
  readonly exitCode: number | null;
  /** The last that was written to stderr: V8 says there why it aborts. */
  readonly lastWords: string;
}

const START_TIMEOUT_MS = 10_000;
/** As many as it takes until the next one is no faster. */
const REHEARSALS = 4;
const MAX_LAST_WORDS = 8192;
/** Memory that the kernel refuses beyond: a fifth over what the cell is held to by polling. */
const HARD_FACTOR = 1.2;
const MAX_CPU_SECONDS = 2 * 24 * 60 * 60;
const MIB = 1024 * 1024;
const REHEARSED_TASK = { attemptNo: 0, inputJson: '[1]', deadline: 0, attempt: 1, run: { id: '', orgId: '', agent: '', version: 1, metadata: {} } };
/** A bundle comes in its frame or as a file: both are rehearsed. */
const REHEARSED_SOURCE = 'export default async (input) => input;\n';
const units = process.platform === 'linux' ? readMachineUnits() : { pageBytes: 4096, tickMs: 10 };
const execFileAsync = promisify(execFile);

export class CellProcess {
  readonly limitMb: number;
  readonly gone: Promise<CellEnd>;
  readonly #wall: Wall;
  readonly #bundleDir: string;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #reader = new FrameReader({ maxFrameBytes: MAX_FRAME_BYTES, maxBytes: MAX_CELL_BYTES });
  readonly #nextNonce = randomBytes(12).toString('base64url');
  #nonce = '';
  #onFrame: (frame: FrameFromCell) => void = () => undefined;
  #onViolation: (error: unknown) => void = () => undefined;
  #readings: ProcessReadings | null = null;
  #blank: CellReading | null = null;
  #pid: number | null = null;
  #initInfo = '';
  #lastWords = '';
  #hasRehearsed = false;
  #hasEnded = false;

  constructor(options: { wall: Wall; limitMb: number }) {
    this.limitMb = options.limitMb;
    this.#wall = options.wall;
    this.#bundleDir = options.wall.makeBundleDir();
    this.#child = this.#spawn();
    this.#ready.promise.catch(() => undefined); // told by `start` to whoever asks
    this.gone = this.#whenGone();
    this.#listen();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Node's, in this process' pid namespace; null before the start is over. */
  get pid(): number | null {
    return this.#pid;
  }

  /** @throws where the wall or the cell in it cannot be had. */
  async start(): Promise<void> {
    try {
      const ended = this.gone.then(({ lastWords, exitCode }) => { throw new Error(`the cell ended while it started (${exitCode}): ${lastWords}`); });
      await within(Promise.race([this.#ready.promise, ended]), START_TIMEOUT_MS, 'the cell did not start in time');
      await within(Promise.race([this.#rehearse(), ended]), START_TIMEOUT_MS, 'the cell did not rehearse in time');
      this.#pid = childOf(Number((JSON.parse(this.#initInfo) as Record<string, unknown>)['child-pid']));
      await this.#limit(this.#pid);
      this.#readings = new ProcessReadings(this.#pid, units);
      this.#blank = this.#readings.read();
      if (this.#hasEnded) this.#readings.close();
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  /** Attempts of an agent of our own, on the way of every attempt: what is done the first time is slow, on both sides. */
  async #rehearse(): Promise<void> {
    for (let i = 0; i < REHEARSALS; i += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onFrame = ({ kind }) => { if (kind === 'reply') resolve(); };
      void this.#send({ kind: 'run', nonce: '', caps: SIZE_CAPS, task: { ...REHEARSED_TASK, bundleUrl: `file:///bundle/rehearsal-${i}.mjs` }, source: i % 2 === 0 ? REHEARSED_SOURCE : null });
      await promise;
    }
  }

  /** Hands the one attempt over. */
  run(bundlePath: string, task: CellTask, listeners: { onFrame: (frame: FrameFromCell) => void; onViolation: (error: unknown) => void }): void {
    const bundle = this.#wall.bundles.get(bundlePath);
    if (bundle.kind === 'file') this.#wall.bundles.link(bundle, this.#bundleDir);
    this.#blank = null;
    this.#nonce = this.#nextNonce;
    this.#onFrame = listeners.onFrame;
    this.#onViolation = listeners.onViolation;
    void this.#send({ kind: 'run', nonce: this.#nonce, caps: SIZE_CAPS, task, source: bundle.kind === 'text' ? bundle.text : null });
  }

  /** Says something to the attempt: `1 REASON` aborts its `ctx.signal`, `answer 1 JSON` answers a call. Resolves when the pipe took it. */
  say(message: string): Promise<void> {
    return this.#send({ kind: 'say', message });
  }

  /** Memory and CPU time so far; null when it is gone. A blank cell does nothing: it is read once. */
  read(): CellReading | null {
    if (this.#hasEnded) return null;
    return this.#blank ?? this.#readings?.read() ?? null;
  }

  /** Kills bubblewrap; the kernel then kills the first process of the namespace, and with it all others. */
  kill(): void {
    if (!this.#hasEnded) this.#child.kill('SIGKILL');
  }

  #spawn(): ChildProcess {
    const filter = this.#wall.openFilter();
    try {
      return spawn(this.#wall.programs.bwrap, this.#wall.argumentsFor({ bundleDir: this.#bundleDir, limitMb: this.limitMb }), {
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', filter],
        env: {},
        cwd: '/',
        ...this.#wall.account,
      });
    } finally {
      closeSync(filter);
    }
  }

  #listen(): void {
    const [, , stderr, input, output, info] = this.#child.stdio as unknown as [null, null, Readable, Writable, Readable, Readable];
    stderr.on('data', (chunk: Buffer) => { this.#lastWords = (this.#lastWords + chunk.toString('latin1')).slice(-MAX_LAST_WORDS); });
    info.on('data', (chunk: Buffer) => {
      this.#initInfo += chunk.toString('latin1');
      this.#checkReady();
    });
    output.on('data', (chunk: Buffer) => this.#hear(chunk));
    for (const stream of [stderr, input, output, info]) stream.on('error', () => undefined); // a cell that dies breaks its pipes
  }

  #hear(chunk: Buffer): void {
    try {
      for (const text of this.#reader.push(chunk)) {
        const frame = readFrame(text, this.#nonce);
        if (frame.kind === 'ready') this.#hasRehearsed = true;
        this.#checkReady();
        this.#onFrame(frame);
      }
    } catch (error) {
      this.kill();
      (this.#child.stdio[4] as Readable).removeAllListeners('data').resume();
      this.#ready.reject(error);
      this.#onViolation(error);
    }
  }

  /** The cell and bubblewrap tell by pipes of their own: either may come first. */
  #checkReady(): void {
    if (this.#hasRehearsed && this.#initInfo.includes('}')) this.#ready.resolve();
  }

  /** A pipe that breaks resolves as well: the cell is gone then. */
  async #send(frame: FrameToCell): Promise<void> {
    if (this.#hasEnded) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.#child.stdio[3] as Writable).write(frameOf(frame), () => resolve());
    await promise;
  }

  /** The kernel's limits, set once the cell is blank: what a blank Node holds is not the agent's. */
  async #limit(pid: number): Promise<void> {
    const dataBytes = Math.ceil((statusMb(pid, 'VmData') + this.limitMb * HARD_FACTOR) * MIB);
    await execFileAsync(this.#wall.programs.prlimit, [
      '--pid', String(pid), `--data=${dataBytes}`, '--nofile=128', '--nproc=64', `--fsize=${16 * MIB}`, '--core=0', `--cpu=${MAX_CPU_SECONDS}`,
    ], { ...this.#wall.account, env: {}, cwd: '/' }); // as the cell's own account: another one would need a capability for it
  }

  async #whenGone(): Promise<CellEnd> {
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.#child.once('error', (error) => {
      this.#lastWords = messageOf(error);
      resolve(null);
    });
    this.#child.once('close', resolve); // all pipes are closed, so no process of the namespace is left
    const exitCode = await promise;
    this.#hasEnded = true;
    this.#readings?.close();
    await rm(this.#bundleDir, { recursive: true, force: true }).catch(() => undefined); // with the wall's own, at the latest
    return { exitCode, lastWords: this.#lastWords };
  }
}
