import type { Socket } from 'node:net';

import { statField } from './process-readings.ts';

/**
 * A process that a launcher started, from the worker's side. Guarantees: `gone` settles when nobody holds its pipes any
 * more and all it wrote was heard; a kill reaches this process and no later one of the same pid.
 */
export interface LaunchedEnd {
  /** Null where it was killed, or never was. */
  readonly exitCode: number | null;
  /** The last that was written to stderr, or why it could not be started. */
  readonly lastWords: string;
  /** Its launcher has ended, and it with that. */
  readonly wasLost: boolean;
}

const PARENT_FIELD = 4;

export class LaunchedProcess {
  readonly gone: Promise<LaunchedEnd>;
  readonly #launcherPid: number;
  readonly #leadsGroup: boolean;
  readonly #gone = Promise.withResolvers<LaunchedEnd>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #input = Promise.withResolvers<Socket>();
  #inputNow: Socket | null = null;
  #output: Socket | null = null;
  #onOutput: (chunk: Buffer) => void = () => undefined;
  #onInfo: (text: string) => void = () => undefined;
  #onBackflow: () => void = () => undefined;
  #end: LaunchedEnd | null = null;
  #pid: number | null = null;
  #isKilled = false;
  #hasExited = false;

  constructor({ launcherPid, leadsGroup }: { launcherPid: number; leadsGroup: boolean }) {
    this.#launcherPid = launcherPid;
    this.#leadsGroup = leadsGroup;
    this.gone = this.#gone.promise;
    this.#input.promise.catch(() => undefined);
  }

  /** Null until it runs. */
  get pid(): number | null {
    return this.#pid;
  }

  /** The process itself has ended; others may hold its pipes. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Hears descriptors 4 and 5, and that something comes back on 3, its input; called at once, before anything can be heard. */
  listen(listeners: { onOutput: (chunk: Buffer) => void; onInfo: (text: string) => void; onBackflow: () => void }): void {
    this.#onOutput = listeners.onOutput;
    this.#onInfo = listeners.onInfo;
    this.#onBackflow = listeners.onBackflow;
  }

  /** To descriptor 3. Resolves when the pipe took it, or broke. */
  async write(bytes: Buffer): Promise<void> {
    const input = this.#inputNow ?? await this.#input.promise.catch(() => null);
    if (input === null || input.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    input.write(bytes, () => resolve());
    await promise;
  }

  /** Hears nothing more of what it writes; lets it write. */
  ignoreOutput(): void {
    this.#onOutput = () => undefined;
    this.#onBackflow = () => undefined;
  }

  kill(): void {
    this.#isKilled = true;
    if (this.#pid === null || this.#hasExited) return; // one that does not run yet is killed when it does
    const parent = statField(this.#pid, PARENT_FIELD); // null: it is gone, or the machine does not tell
    if (parent === null || parent === this.#launcherPid) this.#signal(this.#pid);
  }

  hearInput(pid: number, pipe: Socket | undefined): void {
    this.#pid = pid;
    if (pipe === undefined) this.#input.reject(new Error('its pipe was lost'));
    else {
      pipe.on('error', () => undefined); // a process that dies breaks its pipes
      pipe.on('data', () => this.#onBackflow()); // also tells when it is closed
      this.#inputNow = pipe;
      this.#input.resolve(pipe);
    }
    if (this.#isKilled) this.kill();
  }

  hearOutput(pipe: Socket | undefined): void {
    if (pipe === undefined) return;
    this.#output = pipe;
    pipe.on('error', () => undefined);
    pipe.on('data', (chunk: Buffer) => this.#onOutput(chunk));
    pipe.once('close', () => this.#settle());
  }

  hearInfo(text: string): void {
    this.#onInfo(text);
  }

  hearExited(): void {
    this.#hasExited = true;
    this.#inputNow?.destroy();
    this.#exited.resolve();
  }

  hearClosed(end: LaunchedEnd): void {
    this.#end ??= end;
    this.#input.reject(new Error('it has ended'));
    this.#inputNow?.destroy();
    this.#exited.resolve();
    this.#settle();
  }

  /** The launcher is gone. What has no bubblewrap around it does not go with it. */
  lose(): void {
    if (this.#pid !== null && !this.#hasExited && this.#leadsGroup) this.#signal(this.#pid);
    this.hearClosed({ exitCode: null, lastWords: 'the launcher of cells has ended', wasLost: true });
  }

  #signal(pid: number): void {
    try {
      process.kill(this.#leadsGroup ? -pid : pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }

  #settle(): void {
    if (this.#end !== null && (this.#output === null || this.#output.closed)) this.#gone.resolve(this.#end);
  }
}
