import { fileURLToPath } from 'node:url';

import { assertNever, messageOf } from '@bullpen/core';

import type { Engine, EngineListener, EngineTask } from '../engine.ts';
import { asReply } from '../reply.ts';
import type { Reading } from '../usage-meter.ts';
import type { AttemptEnding } from '../verdict.ts';
import { deathOfCell, endingOf } from './cell-deaths.ts';
import type { CellDepartures } from './cell-departures.ts';
import type { CellPool } from './cell-pool.ts';
import type { CodeCaches } from './code-caches.ts';
import type { CpuShares } from './cpu-shares.ts';
import type { FrameFromCell } from './cell-protocol.ts';
import type { SingleUseCell } from './single-use-cell.ts';

/** A run that takes longer is put in the kernel's groups for memory and cores: being put there takes more than a short run does. */
const SHORT_RUN_MS = 20;

export interface StrictEngineOptions {
  readonly pool: Pick<CellPool<SingleUseCell>, 'take'>;
  readonly departures: CellDepartures;
  readonly codeCaches: CodeCaches;
  readonly cpu: CpuShares;
  readonly orgId: string;
  readonly limitMb: number;
  readonly listener: EngineListener;
}

/**
 * The engine of tier strict: a blank cell out of the pool, used for one attempt and destroyed. Its memory and CPU time
 * are those of the whole process, less what the blank cell had.
 */
export class StrictEngine implements Engine {
  readonly killSignal = 'SIGKILL' as const;
  /** A cell lives for one attempt: there is nothing to learn from its event loop for the next one. */
  readonly answersPings = false;
  readonly #pool: Pick<CellPool<SingleUseCell>, 'take'>;
  readonly #departures: CellDepartures;
  readonly #codeCaches: CodeCaches;
  readonly #cpu: CpuShares;
  readonly #orgId: string;
  readonly #limitMb: number;
  readonly #listener: EngineListener;
  readonly #gone = Promise.withResolvers<void>();
  readonly #replied = Promise.withResolvers<AttemptEnding>();
  #cell: SingleUseCell | null = null;
  #blankMb = 0;
  #wasKilled = false;
  #hasEnded = false;
  #dropped = 0;

  constructor(options: StrictEngineOptions) {
    this.#pool = options.pool;
    this.#departures = options.departures;
    this.#codeCaches = options.codeCaches;
    this.#cpu = options.cpu;
    this.#orgId = options.orgId;
    this.#limitMb = options.limitMb;
    this.#listener = options.listener;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get droppedEvents(): number {
    return this.#dropped;
  }

  async open(): Promise<void> {
    let cell: SingleUseCell;
    try {
      cell = await this.#departures.during(this.#pool.take(this.#limitMb));
    } catch (error) {
      this.#end();
      throw error;
    }
    this.#cell = cell;
    void cell.gone.then((end) => {
      this.#replied.resolve({ kind: 'died', how: cell.wasTooLarge ? { kind: 'heap_limit' } : deathOfCell(end) });
      this.#end();
    });
    if (this.#wasKilled) cell.kill();
    this.#blankMb = cell.read()?.privateMb ?? 0;
  }

  async run(task: EngineTask, kill: AbortSignal): Promise<AttemptEnding> {
    const cell = this.#cell;
    if (cell === null) return { kind: 'died', how: { kind: 'failed', message: 'the cell was not there' } };
    kill.addEventListener('abort', () => cell.kill());
    if (kill.aborted) cell.kill();
    this.#departures.postpone();
    try {
      const bundlePath = fileURLToPath(task.bundleUrl);
      cell.run({ bundlePath, cachePath: this.#codeCaches.use(bundlePath, this.#limitMb) }, task, {
        onFrame: (frame) => this.#hear(frame, task.attemptNo, bundlePath),
        onViolation: (error) => this.#listener.onViolation(error),
      });
    } catch (error) {
      this.#listener.onViolation(`the bundle could not be handed over: ${messageOf(error)}`);
    }
    const joining = setTimeout(() => void cell.enclose().then(() => this.#cpu.join(this.#orgId, cell)), SHORT_RUN_MS);
    const ending = await this.#replied.promise;
    clearTimeout(joining);
    return ending;
  }

  async tell(line: string): Promise<void> {
    await this.#cell?.say(line);
  }

  /** Every frame was heard when its pipe closed. */
  drain(): void {}

  async read(): Promise<Reading> {
    const reading = this.#cell?.read();
    if (reading === null || reading === undefined) throw new Error('the cell is gone');
    return { heapMb: Math.max(0, reading.privateMb - this.#blankMb), externalMb: 0, cpuMs: reading.cpuMs };
  }

  kill(): void {
    this.#wasKilled = true;
    this.#cell?.kill(); // one that is still on its way is killed when it arrives
  }

  retire(): void {
    if (this.#cell !== null) this.#departures.add(this.#cell);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#gone.resolve();
  }

  #hear(frame: FrameFromCell, attemptNo: number, bundlePath: string): void {
    const say = (tag: string, rest: string) => this.#listener.onSaid({ tag, attemptNo, rest });
    switch (frame.kind) {
      case 'ready': // heard by the start
        break;
      case 'compiled':
        throw new Error('the cell compiled what it was to run');
      case 'started':
        if (frame.cacheRefused === true) this.#codeCaches.refused(bundlePath, this.#limitMb);
        this.#listener.onStarted();
        break;
      case 'event':
        say('event', JSON.stringify(frame.event ?? null));
        break;
      case 'call':
        say('call', JSON.stringify(frame.call ?? null));
        break;
      case 'fault':
        say('fault', `${frame.code} ${frame.detail}`);
        break;
      case 'dropped':
        this.#dropped = Math.max(this.#dropped, frame.count);
        break;
      case 'reply':
        this.#dropped = Math.max(this.#dropped, frame.dropped);
        this.#replied.resolve(endingOf(asReply(frame.reply)));
        break;
      default:
        assertNever(frame, 'frame');
    }
  }
}
