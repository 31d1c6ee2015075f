import { chmodSync, linkSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { within } from '../bounded-wait.ts';
import { EngineLostError, type EngineTask } from '../engine.ts';
import type { CellProfile } from './cell-profile.ts';
import type { CellWall } from './cell-wall.ts';
import { FrameReader, frameOf } from './frames.ts';
import type { LaunchedProcess } from './launched-process.ts';
import { ProcessReadings, readMachineUnits, statusMb, type CellReading } from './process-readings.ts';

/**
 * A cell from the outside: a wall around it, in it Node. Guarantees: `start` resolves when the cell is blank, has said
 * so, and is limited; every frame it wrote is heard before `gone` settles; a frame that is too large, or that the owner
 * refuses, ends it; a kill takes everything behind the wall, whatever it does; its descriptors and its directory go
 * with it; it does not outlive this process.
 */
export interface CellEnd {
  /** As bubblewrap tells it: 128 and the number of a signal; null where it was killed from outside. */
  readonly exitCode: number | null;
  /** The last that was written to stderr: V8 says there why it aborts. */
  readonly lastWords: string;
  /** It ended with the launcher of all cells, for no fault of its own. */
  readonly wasLost: boolean;
}

/** Hears a cell. `onText` gets the text of each frame and may throw where it is not one of the owner's. */
export interface CellOwner {
  onText(text: string): void;
  onViolation(error: unknown): void;
  /** What the cell does first, while it is limited; no agent is in it yet. */
  rehearse?(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
/** How long a kill waits for what bubblewrap tells. */
const DOOMED_MS = 1000;
/** From the end of bubblewrap to that of all it stands for, where nothing goes wrong: less. A sweep looks at every process. */
const SWEEP_MS = 1000;
const units = process.platform === 'linux' ? readMachineUnits() : { pageBytes: 4096, tickMs: 10 };

export class CellProcess {
  readonly gone: Promise<CellEnd>;
  readonly #wall: CellWall;
  readonly #profile: CellProfile;
  readonly #owner: CellOwner;
  readonly #bundleDir: string;
  readonly #launched: LaunchedProcess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #reader: FrameReader;
  #readings: ProcessReadings | null = null;
  #pid: number | null = null;
  #initInfo = '';
  #hasRehearsed = false;
  #isDoomed = false;
  #hasEnded = false;
  #blankDataMb = 0;
  #dataMb: number;

  constructor(options: { wall: CellWall; profile: CellProfile; owner: CellOwner }) {
    this.#wall = options.wall;
    this.#profile = options.profile;
    this.#owner = options.owner;
    this.#dataMb = options.profile.dataMb;
    this.#reader = new FrameReader(options.profile);
    this.#bundleDir = options.wall.makeBundleDir();
    this.#launched = options.wall.launch(this.#bundleDir, options.profile);
    this.#ready.promise.catch(() => undefined); // told by `start` to whoever asks
    this.gone = this.#whenGone();
    this.#launched.listen({
      onOutput: (chunk) => this.#hear(chunk),
      onInfo: (text) => this.#hearInfo(text),
      onBackflow: () => this.#end(new Error('the cell wrote to its input')), // a socket takes it, and nobody would count it
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Node's, in this process' pid namespace; null before it is ready to rehearse. */
  get pid(): number | null {
    return this.#pid;
  }

  /** @throws where the wall or the cell in it cannot be had. */
  async start(): Promise<void> {
    try {
      const ended = this.gone.then(({ lastWords, exitCode, wasLost }) => {
        const Why = wasLost ? EngineLostError : Error;
        throw new Why(`the cell ended while it started (${exitCode}): ${lastWords}`);
      });
      await within(Promise.race([this.#ready.promise, ended]), START_TIMEOUT_MS, 'the cell did not start in time');
      this.#observe(this.#wall.pidOf(this.#launched, this.#initInfo));
      // Side by side: the kernel's limits take a process, and as long as a rehearsal. None of it runs an agent.
      const prepared = Promise.all([this.#owner.rehearse?.(), this.#limit()]);
      await within(Promise.race([prepared, ended]), START_TIMEOUT_MS, 'the cell did not rehearse in time');
      if (this.#hasEnded) this.#readings?.close();
    } catch (error) {
      this.kill();
      throw error;
    }
  }

  /** The cell has said that it is blank and has rehearsed. */
  markReady(): void {
    this.#hasRehearsed = true;
    this.#checkReady();
  }

  /** Resolves when the pipe took it; a pipe that breaks resolves as well: the cell is gone then. */
  async send(frame: unknown): Promise<void> {
    if (this.#hasEnded) return;
    await this.#launched.write(frameOf(frame));
  }

  /** The task as the cell sees it. */
  inside(task: EngineTask): EngineTask {
    return this.#wall.inside(task);
  }

  /** Another attempt begins: so many more bytes may be said. */
  allow(bytes: number): void {
    this.#reader.allow(bytes);
  }

  /** Memory and CPU time so far; null when it is gone, or where the machine has no /proc. */
  read(): CellReading | null {
    return this.#readings?.read() ?? null;
  }

  /** Puts a bundle where the cell reads bundles, and gives its URL in there. */
  place(bundlePath: string, name: string): string {
    const place = join(this.#bundleDir, name);
    if (this.#wall.account !== null) writeReadable(place, readFileSync(bundlePath));
    else {
      // A link where the cell may read our files and the disk is the same, else a copy.
      try {
        linkSync(bundlePath, place);
      } catch {
        writeReadable(place, readFileSync(bundlePath));
      }
    }
    return this.#wall.bundleUrl(this.#bundleDir, name);
  }

  /** What the kernel counts against the limit by now, over what the blank cell had, MB; null where it cannot be told. */
  get heldDataMb(): number | null {
    try {
      return this.#pid === null ? null : statusMb(this.#pid, 'VmData') - this.#blankDataMb;
    } catch {
      return null;
    }
  }

  /** Puts a file that lies on the wall's shelf into the cell's directory. */
  link(path: string, name: string): void {
    this.#wall.bundles.link(path, this.#bundleDir, name);
  }

  /** Where the cell finds what lies in its directory. */
  bundleUrl(name: string): string {
    return this.#wall.bundleUrl(this.#bundleDir, name);
  }

  /** Lets the kernel give the cell up to `dataMb` over what it had when it was blank. */
  async limitData(dataMb: number): Promise<void> {
    if (this.#pid === null || this.#hasEnded || dataMb === this.#dataMb) return;
    this.#dataMb = dataMb;
    await this.#wall.limit(this.#pid, this.#profile, this.#blankDataMb + dataMb);
  }

  /** Stops Node, all its threads, for good; false where it cannot be told that it is still this one. */
  stop(): boolean {
    if (this.#pid === null || this.read() === null) return false;
    try {
      return process.kill(this.#pid, 'SIGSTOP');
    } catch {
      return false;
    }
  }

  /**
   * Kills the first process behind the wall, and the kernel then all others. One that is still being built has not been told
   * yet to die with its bubblewrap: it is killed by its own pid, as soon as that is known.
   */
  kill(): void {
    if (this.#hasEnded) return;
    const isKnown = !this.#wall.tellsInit || this.#initInfo.includes('}');
    if (isKnown) return this.#wall.kill(this.#launched, this.#hasRehearsed ? '' : this.#initInfo);
    if (this.#isDoomed) return;
    this.#isDoomed = true;
    setTimeout(() => { if (!this.#hasEnded) this.#wall.kill(this.#launched, this.#initInfo); }, DOOMED_MS).unref();
  }

  #hearInfo(text: string): void {
    this.#initInfo += text;
    if (this.#isDoomed) this.kill();
    this.#checkReady();
  }

  #hear(chunk: Buffer): void {
    try {
      for (const text of this.#reader.push(chunk)) this.#owner.onText(text);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(violation: unknown): void {
    this.kill();
    this.#launched.ignoreOutput();
    this.#ready.reject(violation);
    this.#owner.onViolation(violation);
  }

  /** The cell and bubblewrap tell by pipes of their own: either may come first. */
  #checkReady(): void {
    if (this.#hasRehearsed && (!this.#wall.tellsInit || this.#initInfo.includes('}'))) this.#ready.resolve();
  }

  /** What a blank Node holds is not the agent's. */
  #observe(pid: number): void {
    this.#pid = pid;
    if (process.platform !== 'linux') return;
    this.#blankDataMb = statusMb(pid, 'VmData');
    this.#readings = new ProcessReadings(pid, units);
  }

  async #limit(): Promise<void> {
    if (this.#pid !== null && process.platform === 'linux') await this.#wall.limit(this.#pid, this.#profile, this.#blankDataMb + this.#dataMb);
  }

  async #whenGone(): Promise<CellEnd> {
    // Killed while it still builds the wall, bubblewrap may leave a blank cell behind, which ends with its input, or half of itself.
    let sweeping: NodeJS.Timeout | undefined;
    void this.#launched.exited.then(() => { if (!this.#hasEnded) sweeping = setTimeout(() => this.#wall.sweep(this.#bundleDir), SWEEP_MS); });
    const end = await this.#launched.gone;
    this.#hasEnded = true;
    clearTimeout(sweeping);
    this.#readings?.close();
    await rm(this.#bundleDir, { recursive: true, force: true }).catch(() => undefined); // with the wall's own, at the latest
    return end;
  }
}

function writeReadable(path: string, content: Buffer): void {
  writeFileSync(path, content);
  chmodSync(path, 0o644); // whatever the umask
}
