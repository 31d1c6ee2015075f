import { randomBytes } from 'node:crypto';

import { SIZE_CAPS } from '@bullpen/core';

import type { CellPurpose } from './cell-pool.ts';
import { CellProcess, type CellEnd } from './cell-process.ts';
import { strictProfile } from './cell-profile.ts';
import { readFrame, type CellTask, type FrameFromCell, type FrameToCell } from './cell-protocol.ts';
import type { CellWall } from './cell-wall.ts';
import { MemoryCgroup } from './memory-cgroup.ts';
import type { CellReading } from './process-readings.ts';

/** Ahead as many as it takes until the next one is no faster; with a run waiting the first one only, which takes the memory that each takes. */
const REHEARSALS: Readonly<Record<CellPurpose, number>> = { spare: 4, run: 1 };
const REHEARSED_TASK = { attemptNo: 0, inputJson: '[1]', deadline: 0, attempt: 1, run: { id: '', orgId: '', agent: '', version: 1, metadata: {} } };
/** A bundle comes in its frame or as a file: both are rehearsed. */
const REHEARSED_SOURCE = 'export default async (input) => input;\n';
const BUNDLE = 'bundle.mjs';
/** What V8 made of it, where there is something. */
const CODE_CACHE = 'bundle.cache';

/** Beyond what the polling and the kernel's data limit allow: page tables and the tmpfs count here as well. */
const CGROUP_FACTOR = 1.25;
const TMP_MB = 16;

/** What is to run, and the file with what V8 made of it before. */
export interface CellBundle {
  readonly bundlePath: string;
  readonly cachePath?: string | null;
}

/** A cell for one attempt (container/cell-entry.mjs in it). At most one attempt is ever handed to it. */
export class SingleUseCell {
  readonly #wall: CellWall;
  readonly #process: CellProcess;
  readonly #rehearsals: number;
  readonly #nextNonce = randomBytes(12).toString('base64url');
  readonly #limitMb: number;
  #nonce = '';
  #cgroup: MemoryCgroup | null = null;
  #wasTooLarge = false;
  readonly #gone: Promise<CellEnd>;
  #blank: CellReading | null = null;
  #onFrame: (frame: FrameFromCell) => void = () => undefined;
  #onViolation: (error: unknown) => void = () => undefined;

  constructor(options: { wall: CellWall; limitMb: number; purpose: CellPurpose }) {
    this.#wall = options.wall;
    this.#limitMb = options.limitMb;
    this.#rehearsals = REHEARSALS[options.purpose];
    this.#process = new CellProcess({
      wall: options.wall,
      profile: strictProfile(options.limitMb),
      owner: { onText: (text) => this.#hear(text), onViolation: (error) => this.#onViolation(error), rehearse: () => this.#rehearse() },
    });
    this.#gone = this.#process.gone.then((end) => {
      this.#leaveCgroup();
      return end;
    });
  }

  get gone(): Promise<CellEnd> {
    return this.#gone;
  }

  /** Of one that has ended: the kernel ended it for its memory. */
  get wasTooLarge(): boolean {
    return this.#wasTooLarge;
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  get pid(): number | null {
    return this.#process.pid;
  }

  /** Null where the machine gives none. */
  get cgroup(): MemoryCgroup | null {
    return this.#cgroup;
  }

  /** @throws where the wall or the cell in it cannot be had. */
  async start(): Promise<void> {
    await this.#process.start();
    this.#blank = this.#process.read();
  }

  /**
   * A memory cgroup around it, where one can be made, for what it takes from now on. Not before a run has proved to be a long one: the kernel
   * takes 15 ms to put a process in one, and the runs beside it wait for that.
   */
  async enclose(): Promise<void> {
    if (this.pid === null || this.hasEnded) return;
    this.#cgroup = await MemoryCgroup.around(this.pid);
    this.#cgroup?.limit(CGROUP_FACTOR * this.#limitMb + TMP_MB);
    if (this.hasEnded) this.#leaveCgroup();
  }

  /** Hands the one attempt over. */
  run({ bundlePath, cachePath = null }: CellBundle, task: CellTask, listeners: { onFrame: (frame: FrameFromCell) => void; onViolation: (error: unknown) => void }): void {
    const bundle = this.#wall.bundles.get(bundlePath);
    if (bundle.kind === 'file') this.#process.link(bundle.path, BUNDLE);
    if (cachePath !== null) this.#process.link(cachePath, CODE_CACHE);
    this.#blank = null;
    this.#nonce = this.#nextNonce;
    this.#onFrame = listeners.onFrame;
    this.#onViolation = listeners.onViolation;
    const source = bundle.kind === 'text' ? bundle.text : null;
    void this.#send({ kind: 'run', nonce: this.#nonce, caps: SIZE_CAPS, task: { ...this.#process.inside(task), bundleUrl: this.#process.bundleUrl(BUNDLE) }, source, hasCache: cachePath !== null });
  }

  /** Instead of an attempt: gives what V8 makes of a bundle that is a file. Rejects where it makes nothing of it. */
  compile(bundlePath: string): Promise<Buffer> {
    const bundle = this.#wall.bundles.get(bundlePath);
    if (bundle.kind === 'file') this.#process.link(bundle.path, BUNDLE);
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#nonce = this.#nextNonce;
    this.#onFrame = (frame) => { if (frame.kind === 'compiled') resolve(Buffer.from(frame.code, 'base64')); };
    this.#onViolation = reject;
    void this.gone.then(({ lastWords }) => reject(new Error(`the cell ended before it had compiled: ${lastWords.slice(0, 200)}`)));
    void this.#send({ kind: 'compile', nonce: this.#nonce, bundleUrl: this.#process.bundleUrl(BUNDLE) });
    return promise;
  }

  #leaveCgroup(): void {
    this.#wasTooLarge = this.#cgroup?.hasKilled === true;
    this.#cgroup?.remove();
  }

  /** Attempts of an agent of our own, on the way of every attempt: what is done the first time is slow, on both sides. */
  async #rehearse(): Promise<void> {
    for (let i = 0; i < this.#rehearsals; i += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onFrame = ({ kind }) => { if (kind === 'reply') resolve(); };
      const task = { ...REHEARSED_TASK, bundleUrl: this.#process.bundleUrl(`rehearsal-${i}.mjs`) };
      void this.#send({ kind: 'run', nonce: '', caps: SIZE_CAPS, task, source: i % 2 === 0 ? REHEARSED_SOURCE : null, hasCache: false });
      await promise;
    }
  }

  /** Says something to the attempt: `1 REASON` aborts its `ctx.signal`, `answer 1 JSON` answers a call. Resolves when the pipe took it. */
  say(message: string): Promise<void> {
    return this.#send({ kind: 'say', message });
  }

  /** Memory and CPU time so far; null when it is gone. A blank cell does nothing: it is read once. */
  read(): CellReading | null {
    return this.hasEnded ? null : this.#blank ?? this.#process.read();
  }

  kill(): void {
    this.#process.kill();
  }

  /** Lets it do nothing any more, without ending it; false where that cannot be had. */
  stop(): boolean {
    return this.#process.stop();
  }

  #send(frame: FrameToCell): Promise<void> {
    return this.#process.send(frame);
  }

  #hear(text: string): void {
    const frame = readFrame(text, this.#nonce);
    if (frame.kind === 'ready') this.#process.markReady();
    this.#onFrame(frame);
  }
}
