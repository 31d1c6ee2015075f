/**
 * The leases that a worker holds, in memory that its main thread and its lease thread share. The main thread alone writes;
 * a write is a few hundred nanoseconds, wakes nobody, and is seen by the other thread even if the writer's event loop
 * never turns again. A segment is a word that the main thread changes as a sign of life, then slots of fixed size:
 *
 *     generation (int32: odd while held), length (int32), `organization \n run \n token` (latin1)
 *
 * The generation changes with each hold and each release, so a reader that finds another one after it has read knows
 * that it read two halves, and leaves the slot for its next look: whoever wrote it has just been given a full lease.
 */

/** A lease as the lease thread sees it. */
export interface HeldLease {
  readonly orgId: string;
  readonly runId: string;
  readonly leaseToken: string;
}

const SLOTS_PER_SEGMENT = 1024;
const SLOT_BYTES = 256;
const HEADER_BYTES = 8;
const SEGMENT_BYTES = HEADER_BYTES + SLOTS_PER_SEGMENT * SLOT_BYTES;
const SLOT_HEADER_BYTES = 8;
const SEPARATOR = '\n';

interface Segment {
  readonly words: Int32Array;
  readonly text: Buffer;
}

function openSegment(memory: SharedArrayBuffer): Segment {
  return { words: new Int32Array(memory), text: Buffer.from(memory) };
}

const slotOffset = (slot: number): number => HEADER_BYTES + slot * SLOT_BYTES;

/** The main thread's side. */
export class LeaseTable {
  readonly #segments: Segment[] = [];
  readonly #free: number[] = [];
  readonly #onGrow: (memory: SharedArrayBuffer) => void;

  /** @param onGrow - told of each further piece of shared memory */
  constructor(onGrow: (memory: SharedArrayBuffer) => void = () => undefined) {
    this.#onGrow = onGrow;
    this.#grow();
  }

  get memory(): SharedArrayBuffer[] {
    return this.#segments.map(({ words }) => words.buffer as SharedArrayBuffer);
  }

  /** @returns the slot, for `release`; null where the names are longer than a slot: such a lease is not renewed */
  hold({ orgId, runId, leaseToken }: HeldLease): number | null {
    const text = orgId + SEPARATOR + runId + SEPARATOR + leaseToken;
    if (text.length > SLOT_BYTES - SLOT_HEADER_BYTES) return null;
    if (this.#free.length === 0) this.#grow();
    const index = this.#free.pop()!;
    const { words, text: bytes } = this.#segments[Math.floor(index / SLOTS_PER_SEGMENT)]!;
    const offset = slotOffset(index % SLOTS_PER_SEGMENT);
    words[offset / 4 + 1] = bytes.write(text, offset + SLOT_HEADER_BYTES, 'latin1');
    Atomics.add(words, offset / 4, 1);
    return index;
  }

  release(index: number): void {
    const { words } = this.#segments[Math.floor(index / SLOTS_PER_SEGMENT)]!;
    Atomics.add(words, slotOffset(index % SLOTS_PER_SEGMENT) / 4, 1);
    this.#free.push(index);
  }

  /** The main thread's event loop turns. */
  signOfLife(): void {
    Atomics.add(this.#segments[0]!.words, 0, 1);
  }

  #grow(): void {
    const first = this.#segments.length * SLOTS_PER_SEGMENT;
    const memory = new SharedArrayBuffer(SEGMENT_BYTES);
    this.#segments.push(openSegment(memory));
    for (let slot = SLOTS_PER_SEGMENT - 1; slot >= 0; slot -= 1) this.#free.push(first + slot);
    this.#onGrow(memory);
  }
}

/** The lease thread's side: reads only. */
export class LeaseTableReader {
  readonly #segments: Segment[];

  constructor(memory: readonly SharedArrayBuffer[]) {
    this.#segments = memory.map(openSegment);
  }

  add(memory: SharedArrayBuffer): void {
    this.#segments.push(openSegment(memory));
  }

  /** Changes with each sign of life. */
  get life(): number {
    return Atomics.load(this.#segments[0]!.words, 0);
  }

  held(): HeldLease[] {
    return this.#segments.flatMap((segment) => {
      const leases: HeldLease[] = [];
      for (let slot = 0; slot < SLOTS_PER_SEGMENT; slot += 1) {
        const lease = readSlot(segment, slotOffset(slot));
        if (lease) leases.push(lease);
      }
      return leases;
    });
  }
}

function readSlot({ words, text }: Segment, offset: number): HeldLease | null {
  const generation = Atomics.load(words, offset / 4);
  if (generation % 2 === 0) return null;
  const start = offset + SLOT_HEADER_BYTES;
  const read = text.toString('latin1', start, start + words[offset / 4 + 1]!);
  if (Atomics.load(words, offset / 4) !== generation) return null;
  const [orgId = '', runId = '', leaseToken = ''] = read.split(SEPARATOR);
  return { orgId, runId, leaseToken };
}
