import { DEFAULT_ORGANIZATION_LIMITS, type OrganizationLimits } from '@bullpen/core';

import { withDefaults } from '../organization-limits.ts';
import { HEAD_START } from '../run-cost.ts';
import type { Adjustment, AdjustmentNext, Claim, ClaimOutcome, ClaimingReadySet, KnownOrganization, ReadyOrganization, ScheduledOrganization } from '../ready-set.ts';
import { KeyedHeap } from './keyed-heap.ts';
import type { VirtualClock } from './virtual-clock.ts';
import { WakeSignal } from './wake-signal.ts';

/** How many a claim promotes at once; as in turn.lua. */
const MAX_PROMOTED = 256;
/** Parked until one of its runs ends; as in prelude.lua. */
const UNTIL_ROOM = 9_000_000_000_000_000;
const NO_LIMITS: Partial<OrganizationLimits> = Object.freeze({});

/** Virtual times of organizations that are offered and of those that are not, until when some are parked, and the clock. */
export interface ReadySetState {
  readonly offered: Readonly<Record<string, number>>;
  readonly kept: Readonly<Record<string, number>>;
  readonly parked: Readonly<Record<string, number>>;
  readonly reached: number;
}

/**
 * The ready set in memory, in virtual time: each method does what the Lua script of its name does, step by step. For the
 * simulator and the model of dispatch, which `test/conformance/dispatch-model.test.ts` holds against Redis.
 */
export class MemoryReadySet implements ClaimingReadySet {
  readonly #clock: VirtualClock;
  readonly #ready = new KeyedHeap();
  readonly #claimed = new KeyedHeap();
  readonly #later = new KeyedHeap();
  readonly #parked = new Map<string, number>();
  readonly #known = new Map<string, number>();
  readonly #virtualTimes = new Map<string, number>();
  readonly #limits = new Map<string, Partial<OrganizationLimits>>();
  readonly #memoryMb = new Map<string, number>();
  readonly #wake: WakeSignal;
  #unsettled = new Map<string, number>();
  #reachedTime = 0;
  #sweptUntilMs = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
    this.#wake = new WakeSignal(clock);
  }

  /** All that decides whose turn it is: for comparing. */
  get state(): ReadySetState {
    return {
      offered: Object.fromEntries(this.#ready.entries()), kept: Object.fromEntries(this.#virtualTimes),
      parked: Object.fromEntries(this.#parked), reached: this.#reachedTime,
    };
  }

  /** How many organizations are offered. */
  get offered(): number {
    return this.#ready.size;
  }

  async markReady(orgIds: readonly string[]): Promise<void> {
    for (const orgId of orgIds) {
      this.#note(orgId);
      if (this.#parkedUntil(orgId) === 0) this.#enter(orgId);
    }
    this.#wake.ring();
  }

  async schedule(entries: readonly ScheduledOrganization[]): Promise<void> {
    const before = this.#later.first()?.score;
    for (const { orgId, atMs } of entries) {
      this.#note(orgId);
      this.#enterLater(orgId, Math.max(Math.ceil(atMs), this.#parkedUntil(orgId)));
    }
    const after = this.#later.first()?.score;
    if (after !== undefined && (before === undefined || after < before)) this.#wake.add('later');
    this.#wake.ring();
  }

  async claim(max: number): Promise<Claim> {
    this.#promoteDue();
    const organizations: ReadyOrganization[] = [];
    while (organizations.length < max) {
      const next = this.#ready.pop();
      if (!next) break;
      const { weight = 1, maxMemoryInFlightMb } = this.#limitsOf(next.member);
      organizations.push({ orgId: next.member, virtualTime: next.score, weight, hasMemoryLimit: (maxMemoryInFlightMb ?? null) !== null });
    }
    this.#wake.clear();
    for (const { orgId, virtualTime } of organizations) {
      this.#virtualTimes.set(orgId, virtualTime);
      this.#claimed.set(orgId, virtualTime);
    }
    if (organizations.length > 0 && this.#ready.size > 0) this.#wake.add('ready');
    this.#wake.ring();
    const isAlone = organizations.length === 1 && this.#ready.size === 0 && this.#claimed.size === 1;
    if (organizations[0] && !isAlone) this.#reach(organizations[0].virtualTime);
    return { organizations, isAlone, nextDueMs: this.#later.first()?.score ?? null };
  }

  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#wake.wait(timeoutMs, signal);
  }

  async settle(outcomes: readonly ClaimOutcome[]): Promise<void> {
    for (const { orgId, chargeSeconds, next } of outcomes) {
      this.#charge(orgId, chargeSeconds);
      this.#claimed.delete(orgId);
      if (next.kind === 'ready') {
        const mayBeOffered = !this.#ready.has(orgId) && this.#parkedUntil(orgId) === 0 && !this.#limitsOf(orgId).paused;
        if (mayBeOffered) this.#offer(orgId, this.#virtualTimes.get(orgId) ?? this.#reachedTime);
      } else if (next.kind === 'later') {
        this.#enterLater(orgId, Math.max(Math.ceil(next.atMs), this.#parkedUntil(orgId)));
      }
    }
    this.#wake.ring();
  }

  async reserve(orgId: string, memoryMb: readonly number[]): Promise<number> {
    const limitMb = this.#limitsOf(orgId).maxMemoryInFlightMb ?? null;
    if (limitMb === null) return memoryMb.length;
    let inFlightMb = this.#memoryMb.get(orgId) ?? 0;
    let fit = 0;
    for (const wantedMb of memoryMb) {
      if (inFlightMb > 0 && inFlightMb + wantedMb > limitMb) break;
      inFlightMb += wantedMb;
      fit += 1;
    }
    this.#memoryMb.set(orgId, inFlightMb);
    if (fit < memoryMb.length) {
      this.#withdraw(orgId);
      this.#parked.set(orgId, UNTIL_ROOM);
    }
    return fit;
  }

  async adjust(adjustments: readonly Adjustment[]): Promise<void> {
    for (const { orgId, chargeSeconds, freedMb, next } of adjustments) {
      this.#charge(orgId, chargeSeconds);
      this.#free(orgId, freedMb, next.kind);
      if (next.kind === 'ended') {
        if (this.#parked.delete(orgId) || (this.#limitsOf(orgId).maxConcurrency ?? null) !== null) this.#enterAnew(orgId);
      } else if (next.kind === 'returned') {
        this.#note(orgId);
        if (this.#parkedUntil(orgId) === 0) this.#enter(orgId);
      } else if (next.kind === 'parked') {
        this.#note(orgId);
        this.#park(orgId, Math.ceil(next.untilMs));
      }
    }
    this.#wake.ring();
  }

  async setLimits(orgId: string, patch: Partial<OrganizationLimits>, heldMb: number): Promise<void> {
    const limits = notDefault({ ...this.#limitsOf(orgId), ...patch });
    if (Object.keys(limits).length > 0) this.#limits.set(orgId, limits);
    else this.#limits.delete(orgId);
    if ((limits.maxMemoryInFlightMb ?? null) === null) this.#memoryMb.delete(orgId);
    else if (!this.#memoryMb.has(orgId)) this.#memoryMb.set(orgId, heldMb);
    if (limits.paused) {
      this.#withdraw(orgId);
    } else {
      this.#note(orgId);
      this.#parked.delete(orgId);
      this.#enter(orgId);
    }
    this.#wake.ring();
  }

  async limits(orgIds: readonly string[]): Promise<Map<string, OrganizationLimits>> {
    return new Map(orgIds.flatMap((orgId) => (this.#limits.has(orgId) ? [[orgId, withDefaults(this.#limitsOf(orgId))]] : [])));
  }

  /** Whether it has a limit that counts its runs. */
  isCounted(orgId: string): boolean {
    const { maxConcurrency, rate, maxMemoryInFlightMb } = this.#limitsOf(orgId);
    return Boolean(maxConcurrency ?? rate ?? maxMemoryInFlightMb);
  }

  async takeSweepTurn(everyMs: number): Promise<boolean> {
    if (this.#clock.nowMs() < this.#sweptUntilMs) return false;
    this.#sweptUntilMs = this.#clock.nowMs() + Math.max(1, Math.floor(everyMs));
    for (const [orgId, time] of this.#unsettled) if (this.#claimed.score(orgId) === time) this.#claimed.delete(orgId);
    this.#unsettled = new Map(this.#claimed.entries());
    return true;
  }

  async *known(batchSize: number): AsyncIterable<KnownOrganization[]> {
    const all = [...this.#known];
    for (let i = 0; i < all.length; i += batchSize) {
      yield all.slice(i, i + batchSize).map(([orgId, generation]) => ({
        orgId,
        generation: String(generation),
        isReady: this.#ready.has(orgId),
        inFlightMb: this.#memoryMb.get(orgId) ?? null,
      }));
    }
  }

  async forget(orgId: string, generation: string): Promise<void> {
    if (String(this.#known.get(orgId)) !== generation) return;
    if (this.#ready.has(orgId) || this.#later.has(orgId) || this.#parked.has(orgId) || this.#claimed.has(orgId)) return;
    this.#known.delete(orgId);
    this.#virtualTimes.delete(orgId);
    if (this.#memoryMb.has(orgId)) this.#memoryMb.set(orgId, 0);
  }

  async erase(orgId: string): Promise<void> {
    for (const kept of [this.#ready, this.#later, this.#parked, this.#claimed, this.#known, this.#virtualTimes, this.#limits, this.#memoryMb]) kept.delete(orgId);
  }

  #note(orgId: string): void {
    this.#known.set(orgId, (this.#known.get(orgId) ?? 0) + 1);
  }

  #limitsOf(orgId: string): Partial<OrganizationLimits> {
    return this.#limits.get(orgId) ?? NO_LIMITS;
  }

  #reach(time: number): void {
    this.#reachedTime = Math.max(this.#reachedTime, time);
  }

  #startOfLine(): number {
    const lowest = Math.min(this.#ready.first()?.score ?? Infinity, this.#claimed.first()?.score ?? Infinity);
    if (lowest < Infinity) this.#reach(lowest - HEAD_START);
    return Math.min(lowest, this.#reachedTime);
  }

  #isAlone(orgId: string): boolean {
    return this.#ready.size + this.#claimed.size === Number(this.#ready.has(orgId)) + Number(this.#claimed.has(orgId));
  }

  #charge(orgId: string, seconds: number): void {
    if (seconds === 0) return;
    const held = this.#ready.score(orgId) ?? this.#virtualTimes.get(orgId);
    if (held === undefined) return;
    const step = seconds / (this.#limitsOf(orgId).weight ?? 1);
    const time = held + step;
    if (this.#ready.has(orgId)) this.#ready.set(orgId, time);
    else this.#virtualTimes.set(orgId, time);
    if (this.#isAlone(orgId)) this.#reach(time - Math.min(Math.max(0, step), HEAD_START));
  }

  #free(orgId: string, freedMb: number, outcome: AdjustmentNext['kind']): void {
    if (freedMb === 0 || (this.#limitsOf(orgId).maxMemoryInFlightMb ?? null) === null) return;
    this.#memoryMb.set(orgId, Math.max(0, (this.#memoryMb.get(orgId) ?? 0) - freedMb));
    if (this.#parked.get(orgId) !== UNTIL_ROOM) return;
    this.#parked.delete(orgId);
    if (outcome === 'ended') this.#enterAnew(orgId);
  }

  #parkedUntil(orgId: string): number {
    const untilMs = this.#parked.get(orgId);
    if (untilMs === undefined) return 0;
    if (untilMs > this.#clock.nowMs()) return untilMs;
    this.#parked.delete(orgId);
    return 0;
  }

  #offer(orgId: string, time: number): void {
    this.#ready.set(orgId, time);
    this.#virtualTimes.delete(orgId);
    this.#wake.add('ready');
  }

  #enter(orgId: string): void {
    if (this.#ready.has(orgId) || this.#limitsOf(orgId).paused) return;
    this.#offer(orgId, Math.max(this.#startOfLine(), this.#virtualTimes.get(orgId) ?? 0));
  }

  /** There is room where there was none: news for whoever found nothing before. */
  #enterAnew(orgId: string): void {
    this.#note(orgId);
    this.#enter(orgId);
  }

  #withdraw(orgId: string): void {
    const time = this.#ready.score(orgId);
    if (time === undefined) return;
    this.#ready.delete(orgId);
    this.#virtualTimes.set(orgId, time);
  }

  #enterLater(orgId: string, atMs: number): void {
    this.#later.set(orgId, Math.min(atMs, this.#later.score(orgId) ?? Infinity));
  }

  #park(orgId: string, untilMs: number): void {
    this.#withdraw(orgId);
    const latest = Math.max(untilMs, this.#parked.get(orgId) ?? 0);
    this.#parked.set(orgId, latest);
    this.#later.set(orgId, latest);
  }

  #promoteDue(): void {
    const nowMs = this.#clock.nowMs();
    const due: string[] = [];
    while (due.length < MAX_PROMOTED && (this.#later.first()?.score ?? Infinity) <= nowMs) due.push(this.#later.pop()!.member);
    for (const orgId of due) {
      const untilMs = this.#parkedUntil(orgId);
      if (untilMs > 0) this.#later.set(orgId, untilMs);
      else this.#enter(orgId);
    }
  }
}

/** As they are kept: without those that are the default. */
function notDefault(limits: Partial<OrganizationLimits>): Partial<OrganizationLimits> {
  const names = Object.keys(limits) as (keyof OrganizationLimits)[];
  return Object.fromEntries(names.filter((name) => limits[name] !== DEFAULT_ORGANIZATION_LIMITS[name]).map((name) => [name, limits[name]]));
}
