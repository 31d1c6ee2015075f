import { randomBytes } from 'node:crypto';

import { SIZE_CAPS } from '@bullpen/core';

import { parseSaid, type EngineListener, type EngineTask } from '../engine.ts';
import { parseReply } from '../reply.ts';
import type { Reading } from '../usage-meter.ts';
import type { AttemptEnding, OwnDeath } from '../verdict.ts';
import { endingOf } from './cell-deaths.ts';
import type { ContainerFrame, FrameToOrganizationCell } from './organization-protocol.ts';

/**
 * The place of one container in its organization's cell: its frames, one attempt at a time. Guarantees: what is heard
 * carries the nonce of the container's newest attempt, or of the one before (on its way when that began), and only the
 * newest one's counts; `opened`, a run and `gone` settle when the thread or the whole cell ends.
 */
export interface SeatOptions {
  readonly id: number;
  readonly limitMb: number;
  readonly listener: EngineListener;
  /** Resolves when the pipe took it. */
  readonly send: (frame: FrameToOrganizationCell) => Promise<void>;
}

/** The attempt that a seat runs. */
export interface SeatedAttempt {
  readonly runId: string;
  readonly sha256: string;
}

export class OrganizationSeat {
  readonly id: number;
  readonly limitMb: number;
  readonly #options: SeatOptions;
  readonly #gone = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();
  readonly #atRest = Promise.withResolvers<void>();
  readonly #acknowledged = Promise.withResolvers<void>();
  #nonce = newNonce();
  #nonceBefore = '';
  #running: SeatedAttempt | null = null;
  #attemptNo = 0;
  #replied = Promise.withResolvers<AttemptEnding>();
  #measured: PromiseWithResolvers<Reading> | null = null;
  /** Came with a reply: asked for next, it is not asked again. */
  #finalReading: Reading | null = null;
  #lastReading: Reading | null = null;
  /** CPU time of the cell while only this one runs, and at its last own reading. */
  #cellCpu: { readonly atReadingMs: number; readonly nowMs: number } | null = null;
  #dropped = 0;
  #hasEnded = false;

  constructor(options: SeatOptions) {
    this.id = options.id;
    this.limitMb = options.limitMb;
    this.#options = options;
    this.#opened.promise.catch(() => undefined); // told by `open` to whoever asks
    void options.send({ kind: 'start', container: this.id, nonce: this.#nonce, limitMb: this.limitMb, caps: SIZE_CAPS });
  }

  /** Settles when the thread, or the cell around it, is gone. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The cell has begun to end the thread. */
  get acknowledged(): Promise<void> {
    return this.#acknowledged.promise;
  }

  get running(): SeatedAttempt | null {
    return this.#running;
  }

  get lastReading(): Reading | null {
    return this.#lastReading;
  }

  get droppedEvents(): number {
    return this.#dropped;
  }

  async opened(): Promise<void> {
    await this.#opened.promise;
    await Promise.race([this.#atRest.promise, this.#gone.promise]);
  }

  /** Hands an attempt over; its bundle was placed in the cell. */
  async run(task: EngineTask, sha256: string): Promise<AttemptEnding> {
    this.#nonceBefore = this.#nonce;
    this.#nonce = newNonce();
    this.#dropped = 0;
    this.#finalReading = null;
    this.#replied = Promise.withResolvers();
    this.#running = { runId: task.run.id, sha256 };
    this.#attemptNo = task.attemptNo;
    void this.#options.send({ kind: 'run', container: this.id, nonce: this.#nonce, task });
    const ending = await this.#replied.promise;
    this.#running = null;
    return ending;
  }

  tell(line: string): Promise<void> {
    return this.#options.send({ kind: 'tell', container: this.id, line });
  }

  terminate(): void {
    void this.#options.send({ kind: 'terminate', container: this.id });
  }

  read(): Promise<Reading> {
    if (this.#finalReading !== null) return this.#takeFinalReading(this.#finalReading);
    if (this.#measured === null) {
      this.#measured = Promise.withResolvers();
      this.#measured.promise.catch(() => undefined);
      void this.#options.send({ kind: 'measure', container: this.id });
    }
    return this.#measured.promise;
  }

  /** What the cell has used, while nobody else runs in it: a thread inside a native call tells nothing of itself. */
  noteCellCpu(cpuMs: number): void {
    this.#cellCpu = { atReadingMs: this.#cellCpu?.atReadingMs ?? cpuMs, nowMs: cpuMs };
  }

  /** @throws where it carries no nonce of this container: it was not written by the cell's main thread. */
  hear(frame: ContainerFrame): void {
    if (frame.nonce !== this.#nonce && frame.nonce !== this.#nonceBefore) throw new Error('the cell spoke for another attempt');
    if (frame.startedAtMs !== undefined && frame.nonce === this.#nonce) this.#options.listener.onStarted(frame.startedAtMs);
    switch (frame.kind) {
      case 'opened':
        return this.#opened.resolve();
      case 'started':
        return; // that is all it says
      case 'said':
        return this.#hearLine(frame.line);
      case 'reading':
        if (frame.nonce === this.#nonce) this.#dropped = Math.max(this.#dropped, frame.dropped);
        return this.#hearReading(frame.reading);
      case 'terminating':
        return this.#acknowledged.resolve();
      case 'gone':
        return this.end({ kind: 'failed', message: `the thread ended: ${frame.message}` });
      case 'reply':
        if (frame.nonce !== this.#nonce) return;
        this.#finalReading = frame.reading;
        this.#hearEnding(frame, endingOf(parseReply(frame.text)), frame.dropped);
        if (frame.hasSettled) this.#options.listener.onSaid({ tag: 'settled', attemptNo: this.#attemptNo, rest: '' });
        return;
      case 'died':
        return this.#hearEnding(frame, { kind: 'died', how: frame.how }, frame.dropped);
    }
  }

  /** The thread is gone, with the cell or without it. */
  end(how: OwnDeath): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#replied.resolve({ kind: 'died', how });
    this.#endMeasuring();
    this.#opened.reject(new Error(how.kind === 'failed' ? how.message : 'its cell was lost'));
    this.#acknowledged.resolve();
    this.#gone.resolve();
  }

  #hearEnding(frame: ContainerFrame, ending: AttemptEnding, dropped: number): void {
    if (frame.nonce !== this.#nonce) return;
    this.#dropped = Math.max(this.#dropped, dropped);
    this.#replied.resolve(ending);
  }

  #hearLine(line: string): void {
    const said = parseSaid(line);
    if (said === null) return;
    if (said.tag === 'settled' && said.attemptNo === 0) return this.#atRest.resolve();
    this.#options.listener.onSaid(said);
  }

  #hearReading(reading: Reading | null): void {
    if (reading === null) this.#measured?.reject(new Error('the container is gone'));
    else {
      this.#remember(reading);
      this.#measured?.resolve(reading);
    }
    this.#measured = null;
  }

  /** The last word on what was used: what it told before, and what the cell has used since. */
  #endMeasuring(): void {
    const { heapMb = 0, externalMb = 0, cpuMs = 0 } = this.#lastReading ?? {};
    if (this.#cellCpu === null) this.#measured?.reject(new Error('the container is gone'));
    else this.#measured?.resolve({ heapMb, externalMb, cpuMs: cpuMs + this.#cellCpu.nowMs - this.#cellCpu.atReadingMs });
  }

  async #takeFinalReading(reading: Reading): Promise<Reading> {
    this.#finalReading = null;
    this.#remember(reading);
    return reading;
  }

  #remember(reading: Reading): void {
    this.#lastReading = reading;
    this.#cellCpu = null;
  }
}

/** Drawn for many at once: the kernel's and the cipher's part in each draw is longer than that of a run's other steps. */
const NONCES_DRAWN = 256;
const NONCE_BYTES = 12;
let drawn = Buffer.alloc(0);
let used = 0;

/** Nobody can guess it, or has heard it before. */
function newNonce(): string {
  if (used === drawn.length) {
    drawn = randomBytes(NONCES_DRAWN * NONCE_BYTES);
    used = 0;
  }
  used += NONCE_BYTES;
  return drawn.toString('base64url', used - NONCE_BYTES, used);
}
