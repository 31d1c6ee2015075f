import { messageOf } from '@bullpen/core';

import type { EngineListener, EngineTask, Said } from '../engine.ts';
import { slackMb } from '../memory-rules.ts';
import type { OwnDeath } from '../verdict.ts';
import { CellAllowance } from './cell-allowance.ts';
import { deathOfCell } from './cell-deaths.ts';
import type { PooledCell } from './cell-pool.ts';
import { CellProcess, type CellEnd } from './cell-process.ts';
import { ATTEMPT_BYTES, CONTAINER_HARD_FACTOR, organizationProfile } from './cell-profile.ts';
import type { CellWall } from './cell-wall.ts';
import { MemoryCgroup } from './memory-cgroup.ts';
import { readOrganizationFrame, type FrameFromOrganizationCell } from './organization-protocol.ts';
import { OrganizationSeat, type SeatedAttempt } from './organization-seat.ts';
import type { ThreadFootprint } from './thread-footprint.ts';

/**
 * The cell of one organization: a process behind the wall, with a seat for each container. Guarantees:
 * - its memory is held to what its containers may have and `THREAD_MB` for each (and what those before them left behind:
 *   `CellAllowance`), looked at every `LOOK_MS` while an attempt runs, and to a little more by the kernel (data size, and a memory cgroup where one can be made);
 * - a thread that does not end when it is told to (a native call), a frame that is none, and memory beyond the limit end
 *   the whole cell;
 * - when it ends, the attempt that is to blame gets its end, and every other one is given back (`cell_lost`). To blame is
 *   who was found out; else the only one that ran. Where several ran nobody is: all of them are `suspects`, and run
 *   alone next time, where the one that did it does it to itself;
 * - a blank one has a thread for a container of `spareMb` waiting: the first that asks for this size finds it started.
 */
export interface OrganizationCellOwner {
  /** Ended by one of these, nobody knows which. */
  suspected(attempts: readonly SeatedAttempt[]): void;
  /** Ended by this one. */
  convicted(attempt: SeatedAttempt): void;
  /** The last seat is free again. */
  emptied(): void;
}

/** A thread's own: stacks, V8's tables, our code, the young generation's other half. */
export const THREAD_MB = 14;
/** Beyond the first, the kernel's limit is raised in steps: each takes a process. */
const DATA_STEP_MB = 1024;
/** Beyond what the polling allows: page tables and the cell's tmpfs count here as well. */
const CGROUP_FACTOR = 1.25;
const LOOK_MS = 10;
/** A thread that runs JavaScript ends within a few milliseconds; where nobody else would pay for it, haste costs little. */
const TERMINATE_MS = { alone: 12, withOthers: 25, 'at rest': 1000 };
/** The main thread did not even confirm: it is stopped, or the machine is short of CPU, and others would pay for haste. */
const UNCONFIRMED_MS = { alone: 30, withOthers: 250, 'at rest': 2000 };

/** A container that nobody asked for yet. */
interface SpareSeat {
  readonly seat: OrganizationSeat;
  readonly listener: RelayedListener;
}

interface Blame {
  readonly seats: readonly OrganizationSeat[];
  readonly how: OwnDeath;
}

export class OrganizationCell implements PooledCell {
  readonly #process: CellProcess;
  readonly #footprint: ThreadFootprint;
  readonly #seats = new Map<number, OrganizationSeat>();
  readonly #bundles = new Map<string, string>();
  readonly #gone: Promise<void>;
  #owner: OrganizationCellOwner = { suspected: () => undefined, convicted: () => undefined, emptied: () => undefined };
  #lastWords = '';
  #isRetired = false;
  readonly #spareMb: number;
  #spare: SpareSeat | null = null;
  #lastId = 0;
  readonly #allowance = new CellAllowance();
  #cgroup: MemoryCgroup | null = null;
  /** For the containers that are here or on their way, and what the kernel was told. */
  #promisedMb = 0;
  #limiting: Promise<void> = Promise.resolve();
  #dataMb = 0;
  #blame: Blame | null = null;
  #ownDeath: OwnDeath | null = null;
  #looking: NodeJS.Timeout | undefined;

  /** @param spareMb - size of the container that it starts before anybody asks */
  constructor(wall: CellWall, spareMb: number) {
    this.#footprint = wall.threadFootprint;
    this.#spareMb = spareMb;
    this.#dataMb = this.#dataMbOf(spareMb);
    this.#process = new CellProcess({
      wall,
      profile: organizationProfile(this.#dataMb),
      owner: { onText: (text) => this.#hear(readOrganizationFrame(text)), onViolation: (error) => this.#onViolation(error), rehearse: () => this.#furnish() },
    });
    this.#gone = this.#process.gone.then((end) => this.#onGone(end));
  }

  get gone(): Promise<void> {
    return this.#gone;
  }

  get hasEnded(): boolean {
    return this.#process.hasEnded;
  }

  /** Of one that has ended: what it wrote to stderr. */
  get lastWords(): string {
    return this.#lastWords;
  }

  get pid(): number | null {
    return this.#process.pid;
  }

  /** Null where the machine gives none. */
  get cgroup(): MemoryCgroup | null {
    return this.#cgroup;
  }

  /** On its way out: no seat is taken any more. */
  get isEnding(): boolean {
    return this.#isRetired || this.#blame !== null || this.#ownDeath !== null || this.hasEnded;
  }

  get isEmpty(): boolean {
    return this.#seats.size === 0;
  }

  /** @throws where it cannot be had. */
  async start(): Promise<void> {
    await this.#process.start();
    this.#cgroup?.limit(CGROUP_FACTOR * this.#allowedMb());
  }

  /** Once the process is there: a thread in it, and a group around it, for which the kernel takes its time. */
  async #furnish(): Promise<void> {
    this.#allowance.begin(this.#process.read()?.privateMb ?? 0);
    const grouping = this.pid === null ? null : MemoryCgroup.around(this.pid);
    try {
      await this.#startSpare();
    } finally {
      this.#cgroup = await grouping;
      if (this.hasEnded) this.#cgroup?.remove();
    }
  }

  async #startSpare(): Promise<void> {
    const listener = new RelayedListener();
    const seat = await this.#startSeat(this.#spareMb, listener);
    this.#spare = { seat, listener };
    await seat.opened();
  }

  /** Bound to an organization, for good. */
  bind(owner: OrganizationCellOwner): void {
    this.#owner = owner;
  }

  /** A container in it: the one that waits, where it has this size, else a new one. */
  async seat(limitMb: number, listener: EngineListener): Promise<OrganizationSeat> {
    const spare = this.#spare;
    this.#spare = null;
    if (spare?.seat.limitMb === limitMb && !spare.seat.hasEnded) {
      spare.listener.to = listener;
      return spare.seat;
    }
    const seat = await this.#startSeat(limitMb, listener);
    spare?.seat.terminate(); // not before, or the cell would be empty; no agent has been in it, so it ends when it is told to
    return seat;
  }

  async #startSeat(limitMb: number, listener: EngineListener): Promise<OrganizationSeat> {
    this.#lastId += 1;
    const id = this.#lastId;
    await this.#makeRoom(limitMb);
    const seat = new OrganizationSeat({ id, limitMb, listener, send: (frame) => this.#send(frame) });
    this.#seats.set(id, seat);
    this.#cgroup?.limit(CGROUP_FACTOR * this.#allowedMb());
    void seat.gone.then(() => this.#leave(seat));
    if (this.hasEnded) seat.end({ kind: 'cell_lost' });
    if (id === 1 && !this.#footprint.isMeasured) seat.opened().then(() => this.#measureThread(limitMb), () => undefined);
    return seat;
  }

  /** Where the cell finds a bundle; put there when it is asked for first. */
  bundleUrl(bundlePath: string, sha256: string): string {
    const known = this.#bundles.get(sha256) ?? this.#process.place(bundlePath, `${sha256}.mjs`);
    this.#bundles.set(sha256, known);
    return known;
  }

  /** Ends one container; the whole cell where it cannot be had otherwise. One at rest runs nothing: others of the cell, which may be starting, are worth more than haste. */
  end(seat: OrganizationSeat, state?: 'at rest'): void {
    if (seat.hasEnded || this.isEnding) return;
    const how: OwnDeath = { kind: 'failed', message: 'the thread did not end when it was told to, and its cell was killed' };
    seat.terminate();
    const company = state ?? (this.#running().some((other) => other !== seat) ? 'withOthers' : 'alone');
    const unconfirmed = setTimeout(() => this.#destroy({ seats: [seat], how }), UNCONFIRMED_MS[company]);
    let confirmed: NodeJS.Timeout | undefined;
    void seat.acknowledged.then(() => {
      clearTimeout(unconfirmed);
      if (!seat.hasEnded) confirmed = setTimeout(() => this.#destroy({ seats: [seat], how }), TERMINATE_MS[company]);
    });
    void seat.gone.then(() => clearTimeout(confirmed));
  }

  kill(): void {
    this.#process.kill();
  }

  /** Ends a cell that nobody uses. */
  retire(): void {
    this.#isRetired = true;
    this.kill();
  }

  /** An attempt begins: its memory is looked at until nothing runs any more. */
  watch(): void {
    this.#process.allow(2 * ATTEMPT_BYTES);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #dataMbOf(limitMb: number): number {
    return limitMb * CONTAINER_HARD_FACTOR + this.#footprint.dataMb;
  }

  /** Raises the kernel's limit for one more container; beyond the first in steps, since each step takes a process. */
  async #makeRoom(limitMb: number): Promise<void> {
    const isFirst = this.#promisedMb === 0;
    this.#promisedMb += this.#dataMbOf(limitMb);
    const dataMb = isFirst ? this.#promisedMb : Math.ceil(this.#promisedMb / DATA_STEP_MB) * DATA_STEP_MB;
    if (isFirst ? dataMb !== this.#dataMb : dataMb > this.#dataMb) this.#setDataLimit(dataMb);
    await this.#limiting; // also for the one before: a thread that starts in less than it needs ends the cell
  }

  async #measureThread(limitMb: number): Promise<void> {
    this.#footprint.measure(this.#process.heldDataMb);
    if (this.#lastId > 1) return;
    this.#setDataLimit(this.#dataMbOf(limitMb));
    await this.#limiting.catch(() => undefined);
  }

  #setDataLimit(dataMb: number): void {
    this.#dataMb = dataMb;
    this.#limiting = this.#limiting.then(() => this.#process.limitData(dataMb));
    this.#limiting.catch(() => undefined); // told to whoever waits for it
  }

  /** A task as the cell sees it. */
  inside(task: EngineTask): EngineTask {
    return this.#process.inside(task);
  }

  #send(frame: object): Promise<void> {
    return this.#process.send(frame);
  }

  #hear(frame: FrameFromOrganizationCell): void {
    if (frame.kind === 'ready') return this.#process.markReady();
    if (frame.container > this.#lastId) throw new Error('the cell spoke for a container that it was never given');
    this.#seats.get(frame.container)?.hear(frame); // one that has left may have had words on their way
  }

  #onViolation(error: unknown): void {
    this.#ownDeath ??= { kind: 'failed', message: messageOf(error) };
  }

  #running(): OrganizationSeat[] {
    return [...this.#seats.values()].filter(({ running }) => running !== null);
  }

  #look(): void {
    const running = this.#running();
    if (running.length === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
      return;
    }
    const reading = this.#process.read();
    if (reading === null || this.isEnding) return;
    if (running.length === 1) running[0]?.noteCellCpu(reading.cpuMs);
    this.#allowance.look(reading.privateMb, this.#heldMb());
    if (reading.privateMb > this.#allowedMb()) this.#onTooMuch(running, this.#allowance.ownMb(reading.privateMb));
  }

  #allowedMb(): number {
    let containersMb = 0;
    for (const { limitMb } of this.#seats.values()) containersMb += allowedMbOf(limitMb);
    return this.#allowance.allowedMb(containersMb);
  }

  /** As the containers told last. */
  #heldMb(): number {
    let heldMb = 0;
    for (const { lastReading } of this.#seats.values()) if (lastReading !== null) heldMb += lastReading.heapMb + lastReading.externalMb;
    return heldMb;
  }

  /** Memory beyond all limits: of the one that runs, of those whose own readings say so, or of somebody. */
  #onTooMuch(running: readonly OrganizationSeat[], usedMb: number): void {
    const isBeyond = ({ lastReading, limitMb }: OrganizationSeat) => lastReading !== null && lastReading.heapMb + lastReading.externalMb > limitMb + slackMb(limitMb);
    const guilty = running.length === 1 ? running : running.filter(isBeyond);
    const ownMb = usedMb - THREAD_MB * this.#seats.size;
    this.#destroy({ seats: guilty, how: { kind: 'memory_limit', usedMb: ownMb } });
  }

  #destroy(blame: Blame): void {
    if (this.isEnding) return;
    this.#blame = blame;
    this.kill();
  }

  #onGone(end: CellEnd): void {
    this.#lastWords = end.lastWords;
    clearInterval(this.#looking);
    const running = this.#running();
    const blame = this.#blame ?? { seats: running.length === 1 && !end.wasLost ? running : [], how: this.#howItDied(end) };
    if (blame.seats.length === 0 && running.length > 0 && !end.wasLost) this.#owner.suspected(attemptsOf(running));
    for (const attempt of attemptsOf(blame.seats)) this.#owner.convicted(attempt);
    for (const seat of [...this.#seats.values()]) seat.end(blame.seats.includes(seat) ? blame.how : { kind: 'cell_lost' });
    this.#cgroup?.remove();
  }

  #howItDied(end: CellEnd): OwnDeath {
    if (this.#cgroup?.hasKilled === true) return { kind: 'heap_limit' };
    return this.#ownDeath ?? deathOfCell(end);
  }

  #leave(seat: OrganizationSeat): void {
    this.#seats.delete(seat.id);
    this.#allowance.leave(allowedMbOf(seat.limitMb));
    this.#promisedMb = Math.max(0, this.#promisedMb - this.#dataMbOf(seat.limitMb));
    if (this.#seats.size === 0) this.#owner.emptied();
  }
}

/** What one container may have, before its cell is ended for it. */
const allowedMbOf = (limitMb: number): number => limitMb + slackMb(limitMb) + THREAD_MB;

function attemptsOf(seats: readonly OrganizationSeat[]): SeatedAttempt[] {
  return seats.flatMap(({ running }) => running ?? []);
}

/** Hears for whoever takes the container later; before, there is nothing to hear. */
class RelayedListener implements EngineListener {
  to: EngineListener | null = null;

  onSaid(said: Said): void {
    this.to?.onSaid(said);
  }

  onStarted(atMs?: number): void {
    this.to?.onStarted(atMs);
  }

  onViolation(error: unknown): void {
    this.to?.onViolation(error);
  }

  onFault(error: unknown): void {
    this.to?.onFault(error);
  }
}
