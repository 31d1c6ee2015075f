/**
 * Frames on the pipe of a cell: a length of four bytes (little-endian) and so many bytes of JSON. Guarantees: a frame
 * that announces more than its cap is refused at its first four bytes, before anything is kept of it; so is more in
 * all than one attempt may say.
 */
/** As many as run at once in a cell at most. */
const MAX_ATTEMPTS_AHEAD = 1024;

export class FrameReader {
  readonly #maxFrameBytes: number;
  #bytesLeft: number;
  #parts: Buffer[] = [];
  #held = 0;

  constructor(options: { maxFrameBytes: number; maxBytes: number }) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#bytesLeft = options.maxBytes;
  }

  /** So much may be said from here on by one attempt more; what many attempts left unsaid does not pile up. */
  allow(bytes: number): void {
    this.#bytesLeft = Math.min(this.#bytesLeft + bytes, MAX_ATTEMPTS_AHEAD * bytes);
  }

  /** The frames that are complete with this chunk. @throws Error where a cap is passed. */
  push(chunk: Buffer): string[] {
    this.#bytesLeft -= chunk.length;
    if (this.#bytesLeft < 0) throw new Error('the cell said more than an attempt may say');
    this.#parts.push(chunk);
    this.#held += chunk.length;
    const frames: string[] = [];
    for (let size = this.#nextSize(); size !== null && this.#held >= 4 + size; size = this.#nextSize()) frames.push(this.#take(size));
    return frames;
  }

  #nextSize(): number | null {
    if (this.#held < 4) return null;
    if ((this.#parts[0]?.length ?? 0) < 4) this.#join();
    const size = this.#parts[0]?.readUInt32LE() ?? 0;
    if (size > this.#maxFrameBytes) throw new Error(`the cell announced a frame of ${size} bytes, ${this.#maxFrameBytes} are allowed`);
    return size;
  }

  #take(size: number): string {
    const joined = this.#join();
    this.#parts = [joined.subarray(4 + size)];
    this.#held -= 4 + size;
    return joined.toString('utf8', 4, 4 + size);
  }

  #join(): Buffer {
    const joined = this.#parts.length === 1 && this.#parts[0] !== undefined ? this.#parts[0] : Buffer.concat(this.#parts);
    this.#parts = [joined];
    return joined;
  }
}

export function frameOf(message: unknown): Buffer {
  const json = JSON.stringify(message);
  const bytes = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(4 + bytes);
  frame.writeUInt32LE(bytes);
  frame.write(json, 4);
  return frame;
}
