import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { assertNever } from '@bullpen/core';

import type { FromLauncher, LaunchOrder, Program, ToLauncher } from './launcher-protocol.ts';
import { LaunchedProcess } from './launched-process.ts';

/**
 * Starts processes without standing still for it: a small process of the worker's own (launcher-process.mjs) forks in its
 * stead and hands over the pipes. Guarantees: it is started when it is first needed, and again when it has ended; with it
 * end all that it launched, and each of them says that it was lost, for no fault of its own; it ends with this process,
 * however that ends; `stop` resolves when it is gone.
 */
const LAUNCHER = join(import.meta.dirname, 'launcher-process.mjs');
/** It is small so that its forks are fast. */
const LAUNCHER_FLAGS = ['--max-old-space-size=32', '--max-semi-space-size=1', '--v8-pool-size=1', '--disable-sigusr1'];

interface Running {
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
}

export class Launcher {
  readonly #launched = new Map<number, LaunchedProcess>();
  readonly #runs = new Map<number, PromiseWithResolvers<void>>();
  #running: Running | null = null;
  #lastId = 0;

  /** Of the launcher, where it runs. */
  get pid(): number | null {
    return this.#running?.child.pid ?? null;
  }

  /** A process whose pipes come later; one that cannot be started says so when it is gone. */
  launch(order: LaunchOrder): LaunchedProcess {
    const { child } = this.#start();
    this.#lastId += 1;
    const id = this.#lastId;
    const launched = new LaunchedProcess({ launcherPid: child.pid ?? 0, leadsGroup: order.leadsGroup });
    this.#launched.set(id, launched);
    void launched.gone.then(() => {
      this.#launched.delete(id);
      this.#holdProcess();
    });
    this.#send({ kind: 'launch', id, order });
    return launched;
  }

  /** Runs a program to its end. @throws where it cannot be had or fails. */
  async run(program: Program): Promise<void> {
    this.#start();
    this.#lastId += 1;
    const ran = Promise.withResolvers<void>();
    this.#runs.set(this.#lastId, ran);
    this.#send({ kind: 'run', id: this.#lastId, program });
    await ran.promise;
  }

  /** Once nothing that it launched is needed any more. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    running.child.ref();
    if (running.child.connected) running.child.disconnect();
    await running.gone;
  }

  #start(): Running {
    if (this.#running !== null) return this.#running;
    const child = spawn(process.execPath, [...LAUNCHER_FLAGS, LAUNCHER], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: {}, cwd: '/' });
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const running = { child, gone };
    this.#running = running;
    const end = (): void => {
      if (this.#running === running) this.#onGone();
      resolve();
    };
    child.once('exit', end);
    child.once('error', end);
    child.once('disconnect', () => child.kill('SIGKILL')); // it ends by itself, unless it is stopped
    child.on('message', (message, pipe) => this.#hear(message as FromLauncher, pipe as Socket | undefined));
    child.unref();
    child.channel?.unref();
    return running;
  }

  /** What cannot be sent is lost with the launcher. */
  #send(message: ToLauncher): void {
    this.#running?.child.send(message, () => undefined);
    this.#holdProcess();
  }

  /** Keeps this process alive while there is something to hear of. */
  #holdProcess(): void {
    const channel = this.#running?.child.channel;
    if (this.#launched.size + this.#runs.size > 0) channel?.ref();
    else channel?.unref();
  }

  #hear(message: FromLauncher, pipe: Socket | undefined): void {
    if (message.kind === 'ran') return this.#hearRan(message.id, message.problem);
    const launched = this.#launched.get(message.id);
    if (launched === undefined) {
      pipe?.destroy();
      return;
    }
    switch (message.kind) {
      case 'input':
        return launched.hearInput(message.pid, pipe);
      case 'output':
        return launched.hearOutput(pipe);
      case 'info':
        return launched.hearInfo(message.text);
      case 'exited':
        return launched.hearExited();
      case 'closed':
        return launched.hearClosed({ exitCode: message.exitCode, lastWords: message.lastWords, wasLost: false });
      default:
        assertNever(message, 'message');
    }
  }

  #hearRan(id: number, problem: string | null): void {
    const ran = this.#runs.get(id);
    this.#runs.delete(id);
    this.#holdProcess();
    if (problem === null) ran?.resolve();
    else ran?.reject(new Error(problem));
  }

  #onGone(): void {
    this.#running = null;
    for (const ran of this.#runs.values()) ran.reject(new Error('the launcher of cells has ended'));
    this.#runs.clear();
    for (const launched of this.#launched.values()) launched.lose();
  }
}
