// A cell's end of its pipes: frames are a length of four bytes (little-endian) and JSON. The supervisor's end is
// cell/frames.ts.
import { readSync, writeSync } from 'node:fs';

import { jsonParse } from './primordials.mjs';

const { alloc, allocUnsafe, byteLength, concat } = Buffer;

/** Most frames are smaller: they are written out of one piece of memory, and read into one by one call. */
const SMALL_BYTES = 16 * 1024;
const BYTES_PER_CHAR = 3;
const outgoing = alloc(SMALL_BYTES);

/** Written synchronously: what was said before a kill has left the process. @param {number} fd @param {string} json */
export function writeFrame(fd, json) {
  const frame = 4 + BYTES_PER_CHAR * json.length <= SMALL_BYTES ? outgoing : allocUnsafe(4 + byteLength(json));
  const bytes = frame.write(json, 4);
  frame.writeUInt32LE(bytes);
  writeAll(fd, frame, 4 + bytes);
}

/** The same of several, in one write: each write wakes the supervisor. @param {number} fd @param {readonly string[]} jsons */
export function writeFrames(fd, jsons) {
  let size = 0;
  for (const json of jsons) size += 4 + byteLength(json);
  const frames = allocUnsafe(size);
  let at = 0;
  for (const json of jsons) {
    const bytes = frames.write(json, at + 4);
    frames.writeUInt32LE(bytes, at);
    at += 4 + bytes;
  }
  writeAll(fd, frames, at);
}

/** @param {number} fd @param {Buffer} from @param {number} bytes */
function writeAll(fd, from, bytes) {
  for (let sent = 0; sent < bytes;) sent += writeSome(fd, from, sent, bytes - sent);
}

/** @param {number} fd @param {Buffer} from @param {number} at @param {number} bytes */
function writeSome(fd, from, at, bytes) {
  try {
    return writeSync(fd, from, at, bytes);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EAGAIN') return 0;
    throw error;
  }
}

/** Sleeps in reads until a frame is there: that wakes sooner than an event does. */
export class FrameSleeper {
  #fd;
  /** @type {Buffer} */
  #held = alloc(SMALL_BYTES);
  #start = 0;
  #end = 0;

  /** @param {number} fd */
  constructor(fd) {
    this.#fd = fd;
  }

  /** What was read and belongs to later frames. */
  get rest() {
    return this.#held.subarray(this.#start, this.#end);
  }

  /** @returns {any} the next frame; null where the pipe has ended */
  next() {
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (!this.#hold(4)) return null;
    const bytes = this.#held.readUInt32LE(this.#start);
    if (!this.#hold(4 + bytes)) return null;
    const from = this.#start + 4;
    this.#start = from + bytes;
    return jsonParse(this.#held.toString('utf8', from, this.#start));
  }

  /** Reads until so many bytes are there. @param {number} bytes */
  #hold(bytes) {
    if (this.#start + bytes > this.#held.length) this.#moveTo(alloc(bytes > SMALL_BYTES ? bytes : SMALL_BYTES));
    while (this.#end - this.#start < bytes) {
      const length = readSync(this.#fd, this.#held, this.#end, this.#held.length - this.#end, null);
      if (length === 0) return false;
      this.#end += length;
    }
    return true;
  }

  /** @param {Buffer} larger */
  #moveTo(larger) {
    this.#held.copy(larger, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#held = larger;
  }
}

/** @param {import('node:net').Socket} input @param {(frame: any) => void} onFrame @param {Buffer} [ahead] what was read before */
export function onFrames(input, onFrame, ahead = allocUnsafe(0)) {
  /** @type {Buffer} */
  let pending = ahead;
  const take = () => {
    while (pending.length >= 4) {
      const end = 4 + pending.readUInt32LE();
      if (pending.length < end) return;
      const frame = jsonParse(pending.toString('utf8', 4, end));
      pending = pending.subarray(end);
      onFrame(frame);
    }
  };
  input.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : concat([pending, chunk]);
    take();
  });
  take();
}
