// One Piscina pool that holds exactly one thread, once: in the worker process (tier basic) and in the cell of an
// organization (tier enhanced). Guarantees: the thread is never replaced (a killed or crashed one leaves the pool empty
// for good); `gone` settles when the thread has exited; what the thread said before its reply was heard when the reply has come.
//
// Piscina makes the thread, gives it its first task, and says how it ended. Attempts come and go by the port that this task brought, as what
// the agent says does: one port wakes less than two, and Piscina's queue, balancer and bookkeeping, of use to a pool of many, were a fifth of
// what a run cost the main thread of a cell that has not much to do (some 80 of 380 us, with 40 cells on 2 cores).
//
// `atomics: 'disabled'`: with Piscina's default the thread sleeps in Atomics.wait between tasks, its event loop stands
// still, and what a run left behind (timers, rejections) wakes up in the middle of the next one. Measured on 2 cores,
// Node 24.21, round trip p50/p99 in ms: disabled 0.06/0.10, async 0.06/0.14, sync 0.06/0.32.
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';

import { Piscina } from 'piscina';

import { ASKED, RUNNING, SETTLED } from './turn.mjs';

/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {import('./attempt.mjs').AttemptTask} AttemptTask */
/** @typedef {import('../usage-meter.ts').Reading} Reading */

const MIB = 1024 * 1024;

/** New space, MB: an eighth of the heap limit, so that a small container stays small and a large one collects rarely. @param {number} limitMb */
function youngMb(limitMb) {
  return Math.min(32, Math.max(2, Math.floor(limitMb / 8)));
}

export class PiscinaThread {
  /** @type {Promise<void>} */
  gone;
  #worker;
  #pool;
  #port;
  /** What entry.mjs writes there: events dropped, what it read of itself when its attempt was over, and when that began. */
  #told = new Float64Array(new SharedArrayBuffer(5 * 8));
  /** See turn.mjs. */
  #turn = new Int32Array(new SharedArrayBuffer(4));
  #onLine;
  #opened;
  /** The attempt that runs. @type {{ opening: string, resolve: (text: string) => void, reject: (error: unknown) => void } | null} */
  #running = null;
  #hasExited = false;
  #wasTerminated = false;
  /** @type {unknown} */
  #fault;

  /**
   * Starts the thread. Throws where the machine cannot make one.
   * @param {{ limitMb: number, caps: Caps, entryPath: string, inherits?: boolean, onLine: (line: unknown) => void, onFault: (error: unknown) => void }} options
   *   `entryPath`: the script of the thread (entry.mjs); `inherits`: has the flags of this process, its permission model among them, and starts no threads
   */
  constructor({ limitMb, caps, entryPath, inherits = false, onLine, onFault }) {
    this.#onLine = onLine;
    this.#pool = new Piscina({
      filename: entryPath,
      minThreads: 0, // 1 would start another thread for each one that dies
      maxThreads: 1,
      idleTimeout: Infinity,
      atomics: 'disabled',
      recordTiming: false,
      env: {},
      ...(inherits ? {} : { execArgv: [] }),
      resourceLimits: { maxOldGenerationSizeMb: limitMb, maxYoungGenerationSizeMb: youngMb(limitMb) },
    });
    this.#pool.on('error', (error) => {
      this.#fault = error;
      onFault(error);
    });
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (line) => this.#hear(line));
    const task = { kind: 'open', port: port2, told: this.#told, turn: this.#turn, caps: { ...caps }, mayStartThreads: !inherits };
    this.#opened = this.#pool.run(task, { transferList: [port2] });
    this.#opened.catch(() => undefined); // told by `opened` to whoever asks
    port1.unref();
    const worker = this.#pool.threads[0];
    if (worker === undefined) throw new Error('no thread could be started');
    this.#worker = worker;
    this.gone = new Promise((resolve) => {
      worker.once('exit', (code) => {
        this.#hasExited = true;
        this.drain();
        port1.close();
        this.#fault ??= new Error(this.#wasTerminated ? 'it was terminated' : `worker exited with code: ${code}`);
        this.#end(this.#fault);
        resolve();
      });
    });
  }

  get hasExited() {
    return this.#hasExited;
  }

  /** What went wrong last. */
  get fault() {
    return `${/** @type {any} */ (this.#fault)?.message ?? this.#fault ?? 'it exited'}`;
  }

  /** Events that the thread dropped in this attempt. @returns {number} */
  get droppedEvents() {
    return this.#told[0] ?? 0;
  }

  /** By the thread's clock, ms since the epoch, when the agent of this attempt was called; 0 before. @returns {number} */
  get startedAtMs() {
    return this.#told[4] ?? 0;
  }

  /** After a reply, asked once: whether the attempt left nothing behind. Where that is not known yet, or it did, a line will tell. @returns {boolean} */
  hasSettled() {
    return Atomics.exchange(this.#turn, 0, ASKED) === SETTLED;
  }

  /** Resolves when the thread can take an attempt. */
  async opened() {
    const ended = this.gone.then(() => {
      throw new Error(`the thread ended while it started: ${this.fault}`);
    });
    await Promise.race([this.#opened, ended]);
  }

  /**
   * Hands an attempt over; resolves with the reply's text. Aborting `kill` terminates the thread.
   * @param {AttemptTask} task @param {AbortSignal} [kill] @returns {Promise<unknown>}
   */
  run(task, kill) {
    this.#told[0] = 0;
    this.#told[4] = 0;
    Atomics.store(this.#turn, 0, RUNNING);
    if (this.#hasExited) return Promise.reject(this.#fault);
    const { promise, resolve, reject } = Promise.withResolvers();
    this.#running = { opening: `reply ${task.attemptNo} `, resolve, reject };
    this.#port.ref();
    this.#port.postMessage(task);
    if (kill !== undefined) this.#endWith(kill);
    return promise;
  }

  /** @param {AbortSignal} kill */
  #endWith(kill) {
    const end = () => {
      this.#end(new Error('it was killed')); // a native call may outlive this by far
      void this.terminate();
    };
    if (kill.aborted) end();
    else kill.addEventListener('abort', end, { once: true });
  }

  /** @param {unknown} line */
  #hear(line) {
    const running = this.#running;
    if (running === null || typeof line !== 'string' || !line.startsWith(running.opening)) return this.#onLine(line);
    this.#leave();
    running.resolve(line.slice(running.opening.length));
  }

  /** Nothing runs any more, and nothing here keeps the process. */
  #leave() {
    this.#running = null;
    if (!this.#hasExited) this.#port.unref();
  }

  /** @param {unknown} error why there is no reply */
  #end(error) {
    const running = this.#running;
    if (running === null) return;
    this.#leave();
    running.reject(error);
  }

  /** Interrupts JavaScript; not answered from within a native call. @returns {Promise<Reading>} */
  async read() {
    const [cpu, heap] = await Promise.all([this.#worker.cpuUsage(), this.#worker.getHeapStatistics()]);
    return { heapMb: heap.used_heap_size / MIB, externalMb: heap.external_memory / MIB, cpuMs: (cpu.user + cpu.system) / 1000 };
  }

  /**
   * After a reply: what the thread read of itself, by functions that it took before any agent ran. Asked from here it would have to be woken
   * once more for each run. @returns {Reading}
   */
  get finalReading() {
    const [, heapMb = 0, externalMb = 0, cpuMs = 0] = this.#told;
    return { heapMb, externalMb, cpuMs };
  }

  /** Says a line to entry.mjs. @param {string} line */
  tell(line) {
    if (!this.#hasExited) this.#port.postMessage(line);
  }

  /** Delivers at once what the thread has said so far. */
  drain() {
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#hear(next.message);
    }
  }

  /** Terminates the thread, whatever it runs; resolves when it has exited. */
  async terminate() {
    this.#wasTerminated = true;
    await this.#pool.destroy();
    await this.gone;
  }
}

/**
 * How the thread died: `worker exited with code: 3`, or Node's code for a full heap.
 * @param {any} error @returns {import('../verdict.ts').OwnDeath}
 */
export function deathOfThread(error) {
  if (error?.code === 'ERR_WORKER_OUT_OF_MEMORY') return { kind: 'heap_limit' };
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = /^worker exited with code: (-?\d+)$/.exec(message)?.[1];
  return exitCode === undefined ? { kind: 'failed', message: `the thread failed: ${message}` } : { kind: 'exited', exitCode: Number(exitCode) };
}
