import { randomBytes } from 'node:crypto';

import { SIZE_CAPS } from '@bullpen/core';

import { CellProcess, type CellEnd } from './cell-process.ts';
import { strictProfile } from './cell-profile.ts';
import { readFrame, type CellTask, type FrameFromCell, type FrameToCell } from './cell-protocol.ts';
import type { CellWall } from './cell-wall.ts';
import type { CellReading } from './process-readings.ts';

/** A cell for one attempt (container/cell-entry.mjs in it). At most one attempt is ever handed to it. */
export class SingleUseCell {
  readonly #process: CellProcess;
  #nonce = '';
  #onFrame: (frame: FrameFromCell) => void = () => undefined;
  #onViolation: (error: unknown) => void = () => undefined;

  constructor(options: { wall: CellWall; limitMb: number }) {
    this.#process = new CellProcess({
      wall: options.wall,
      profile: strictProfile(options.limitMb),
      owner: { onText: (text) => this.#hear(text), onViolation: (error) => this.#onViolation(error) },
    });
  }

  get gone(): Promise<CellEnd> {
    return this.#process.gone;
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  get pid(): number | null {
    return this.#process.pid;
  }

  /** @throws where the wall or the cell in it cannot be had. */
  start(): Promise<void> {
    return this.#process.start();
  }

  /** Hands the one attempt over. */
  run(bundlePath: string, task: CellTask, listeners: { onFrame: (frame: FrameFromCell) => void; onViolation: (error: unknown) => void }): void {
    const bundleUrl = this.#process.place(bundlePath, 'bundle.mjs');
    this.#nonce = randomBytes(12).toString('base64url');
    this.#onFrame = listeners.onFrame;
    this.#onViolation = listeners.onViolation;
    this.#send({ kind: 'run', nonce: this.#nonce, caps: SIZE_CAPS, task: { ...task, bundleUrl } });
  }

  interrupt(message: string): void {
    this.#send({ kind: 'interrupt', message });
  }

  read(): CellReading | null {
    return this.#process.read();
  }

  kill(): void {
    this.#process.kill();
  }

  #send(frame: FrameToCell): void {
    this.#process.send(frame);
  }

  #hear(text: string): void {
    const frame = readFrame(text, this.#nonce);
    if (frame.kind === 'ready') this.#process.markReady();
    this.#onFrame(frame);
  }
}
