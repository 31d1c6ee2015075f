import { SIZE_CAPS } from '@bullpen/core';

import { PiscinaThread, deathOfThread } from './container/piscina-thread.mjs';
import { parseSaid, type Engine, type EngineListener, type EngineTask } from './engine.ts';
import { parseReply } from './reply.ts';
import type { Reading } from './usage-meter.ts';
import type { AttemptEnding } from './verdict.ts';

/**
 * The engine of tier basic: a thread of this process. Readings interrupt JavaScript, `while (true)` included, and are
 * answered by an idle thread within 0.1 ms.
 */
export class ThreadEngine implements Engine {
  readonly killSignal = 'terminate' as const;
  readonly answersPings = true;
  readonly #limitMb: number;
  readonly #entryPath: string;
  readonly #listener: EngineListener;
  readonly #gone = Promise.withResolvers<void>();
  readonly #atRest = Promise.withResolvers<void>();
  #thread: PiscinaThread | null = null;
  #wasKilled = false;
  /** Came with a reply: asked for next, it is not asked again. */
  #finalReading: Reading | null = null;
  #hasToldStart = false;

  /** @param options - entryPath: the script of the thread */
  constructor(options: { limitMb: number; entryPath: string; listener: EngineListener }) {
    this.#limitMb = options.limitMb;
    this.#entryPath = options.entryPath;
    this.#listener = options.listener;
  }

  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  get hasEnded(): boolean {
    return this.#thread?.hasExited ?? this.#wasKilled;
  }

  get droppedEvents(): number {
    return this.#thread?.droppedEvents ?? 0;
  }

  async open(): Promise<void> {
    if (this.#wasKilled) throw new Error('it was ended before it started');
    try {
      this.#thread = new PiscinaThread({
        limitMb: this.#limitMb,
        caps: SIZE_CAPS,
        entryPath: this.#entryPath,
        onLine: (line) => this.#hear(line),
        onFault: (error) => this.#listener.onFault(error),
      });
    } catch (error) {
      this.#gone.resolve();
      throw error;
    }
    const { gone } = this.#thread;
    void gone.then(() => this.#gone.resolve());
    await this.#thread.opened();
    await Promise.race([this.#atRest.promise, gone]);
  }

  async run(task: EngineTask, kill: AbortSignal): Promise<AttemptEnding> {
    this.#finalReading = null;
    this.#hasToldStart = false;
    const thread = this.#opened;
    try {
      const text = await thread.run(task, kill);
      this.#finalReading = thread.finalReading;
      if (thread.hasSettled()) this.#listener.onSaid({ tag: 'settled', attemptNo: task.attemptNo, rest: '' });
      return { kind: 'replied', reply: parseReply(text) };
    } catch (error) {
      return { kind: 'died', how: deathOfThread(error) };
    } finally {
      this.#tellStart();
    }
  }

  async tell(line: string): Promise<void> {
    this.#thread?.tell(line);
  }

  drain(): void {
    this.#thread?.drain();
  }

  async read(): Promise<Reading> {
    const final = this.#finalReading;
    this.#finalReading = null;
    this.#tellStart();
    return final ?? this.#opened.read();
  }

  kill(): void {
    this.#wasKilled = true;
    if (this.#thread === null) this.#gone.resolve();
    else void this.#thread.terminate();
  }

  get #opened(): PiscinaThread {
    if (this.#thread === null) throw new Error('the thread has not started');
    return this.#thread;
  }

  /** What does not have the form of a line was not said by our code in the thread and is not heard. */
  #hear(line: unknown): void {
    this.#tellStart();
    const said = parseSaid(line);
    if (said?.tag === 'settled' && said.attemptNo === 0) this.#atRest.resolve();
    else if (said !== null) this.#listener.onSaid(said);
  }
  /** The thread writes it where it is looked for whenever something is heard of it. */
  #tellStart(): void {
    const startedAtMs = this.#thread?.startedAtMs ?? 0;
    if (this.#hasToldStart || startedAtMs === 0) return;
    this.#hasToldStart = true;
    this.#listener.onStarted(startedAtMs);
  }
}
