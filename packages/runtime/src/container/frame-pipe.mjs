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

/**
 * Hears frames as they come, for the option `onread` of a `Socket`: they are read into one piece of memory. As a stream Node would take 64 KB for each
 * read and pass it through a dozen functions, which in a process that does little else are never compiled.
 * @param {(frame: any) => void} onFrame @param {Buffer} [ahead] what was read before @returns {{ buffer: Buffer, callback: (bytes: number, buffer: Uint8Array) => boolean }}
 */
export function frameReader(onFrame, ahead = allocUnsafe(0)) {
  const buffer = alloc(SMALL_BYTES);
  /** Of a frame that is not whole yet, and how many bytes it has at least. @type {Buffer[]} */
  let held = [];
  let heldBytes = 0;
  let wantedBytes = 0;
  const take = (/** @type {Buffer} */ bytes) => {
    const rest = takeFrames(bytes, onFrame);
    held = [];
    heldBytes = 0;
    if (rest.length > 0) hold(rest);
    wantedBytes = rest.length < 4 ? 4 : 4 + rest.readUInt32LE();
  };
  // A copy: the next read overwrites it.
  const hold = (/** @type {Buffer} */ bytes) => {
    held.push(concat([bytes]));
    heldBytes += bytes.length;
  };
  take(ahead);
  return {
    buffer,
    callback: (bytes) => {
      const read = buffer.subarray(0, bytes);
      if (heldBytes === 0) take(read);
      else {
        hold(read);
        if (heldBytes >= wantedBytes) take(concat(held));
      }
      return true;
    },
  };
}

/** @param {Buffer} bytes @param {(frame: any) => void} onFrame @returns {Buffer} what is left: no whole frame */
function takeFrames(bytes, onFrame) {
  let at = 0;
  while (bytes.length - at >= 4) {
    const end = at + 4 + bytes.readUInt32LE(at);
    if (bytes.length < end) break;
    onFrame(jsonParse(bytes.toString('utf8', at + 4, end)));
    at = end;
  }
  return bytes.subarray(at);
}
