import { fileURLToPath } from 'node:url';

import { messageOf, type KillReceipt } from '@bullpen/core';

import { EngineLostError, type Engine, type EngineListener, type EngineTask } from '../engine.ts';
import type { Reading } from '../usage-meter.ts';
import type { AttemptEnding } from '../verdict.ts';
import type { OrganizationCell } from './organization-cell.ts';
import type { OrganizationCells } from './organization-cells.ts';
import type { OrganizationSeat } from './organization-seat.ts';

/**
 * The engine of tier enhanced: a thread in the cell of its organization. Where that cell is lost while it opens, because of
 * somebody else, it says so: whoever asked for it opens another one.
 */
/** Bundles are files named by their hash. */
const BUNDLE_PATH = /([0-9a-f]{64})\.mjs$/;

export interface OrganizationEngineOptions {
  readonly cells: OrganizationCells;
  readonly orgId: string;
  readonly limitMb: number;
  readonly isAlone: boolean;
  readonly listener: EngineListener;
}

export class OrganizationEngine implements Engine {
  readonly answersPings = true;
  readonly #options: OrganizationEngineOptions;
  readonly #gone = Promise.withResolvers<void>();
  #cell: OrganizationCell | null = null;
  #seat: OrganizationSeat | null = null;
  #wasKilled = false;
  #hasEnded = false;

  constructor(options: OrganizationEngineOptions) {
    this.#options = options;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Its thread is terminated first; where that does not end it, the cell is killed. */
  get killSignal(): KillReceipt['signal'] {
    return this.#cell?.isEnding === true ? 'SIGKILL' : 'terminate';
  }

  get droppedEvents(): number {
    return this.#seat?.droppedEvents ?? 0;
  }

  async open(): Promise<void> {
    try {
      await this.#takeSeat();
    } catch (error) {
      this.#end();
      throw error;
    }
    void this.#seat?.gone.then(() => this.#end());
  }

  async run(task: EngineTask, kill: AbortSignal): Promise<AttemptEnding> {
    const cell = this.#cell;
    const seat = this.#seat;
    if (cell === null || seat === null || seat.hasEnded || cell.isEnding) return { kind: 'died', how: { kind: 'cell_lost' } };
    kill.addEventListener('abort', () => cell.end(seat));
    try {
      const path = fileURLToPath(task.bundleUrl);
      const sha256 = BUNDLE_PATH.exec(path)?.[1] ?? 'bundle';
      const bundleUrl = cell.bundleUrl(path, sha256);
      cell.watch();
      const ending = seat.run({ ...cell.inside(task), bundleUrl }, sha256);
      if (kill.aborted) cell.end(seat);
      return await ending;
    } catch (error) {
      return { kind: 'died', how: { kind: 'failed', message: `the bundle could not be handed over: ${messageOf(error)}` } };
    }
  }

  async tell(line: string): Promise<void> {
    await this.#seat?.tell(line);
  }

  /** Lines and the reply come by one pipe, in order. */
  drain(): void {}

  async read(): Promise<Reading> {
    if (this.#seat === null || this.#hasEnded) throw new Error('the container is not there');
    return this.#seat.read();
  }

  kill(): void {
    this.#wasKilled = true;
    if (this.#seat !== null) this.#cell?.end(this.#seat); // one that is still on its way is ended when it arrives
  }

  /** Haste would cost other containers of the cell their place, where its main thread is late to confirm. */
  retire(): void {
    this.#wasKilled = true;
    if (this.#seat !== null) this.#cell?.end(this.#seat, 'at rest');
  }

  async #takeSeat(): Promise<void> {
    if (this.#wasKilled) throw new Error('it was ended before it started');
    const { cells, orgId, isAlone, limitMb, listener } = this.#options;
    const cell = await cells.take(orgId, isAlone);
    try {
      const seat = await cell.seat(limitMb, listener);
      this.#cell = cell;
      this.#seat = seat;
      if (this.#wasKilled) cell.end(seat);
      await seat.opened();
    } catch (error) {
      throw cell.isEnding && !this.#wasKilled ? new EngineLostError(messageOf(error), { cause: error }) : error;
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#gone.resolve();
  }
}
