// A cell's end of its pipes: frames are a length of four bytes (little-endian) and JSON. The supervisor's end is
// cell/frames.ts.
import { writeSync } from 'node:fs';

import { jsonParse } from './primordials.mjs';

const { allocUnsafe, byteLength, concat } = Buffer;

/** Written synchronously: what was said before a kill has left the process. @param {number} fd @param {string} json */
export function writeFrame(fd, json) {
  const bytes = byteLength(json);
  const frame = allocUnsafe(4 + bytes);
  frame.writeUInt32LE(bytes);
  frame.write(json, 4);
  writeAll(fd, frame);
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
  writeAll(fd, frames);
}

/** @param {number} fd @param {Buffer} bytes */
function writeAll(fd, bytes) {
  for (let sent = 0; sent < bytes.length;) sent += writeSome(fd, bytes, sent);
}

/** @param {number} fd @param {Buffer} frame @param {number} from */
function writeSome(fd, frame, from) {
  try {
    return writeSync(fd, frame, from);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EAGAIN') return 0;
    throw error;
  }
}

/** @param {import('node:net').Socket} input @param {(frame: any) => void} onFrame */
export function onFrames(input, onFrame) {
  /** @type {Buffer} */
  let pending = allocUnsafe(0);
  input.on('data', (chunk) => {
    pending = pending.length === 0 ? chunk : concat([pending, chunk]);
    while (pending.length >= 4) {
      const end = 4 + pending.readUInt32LE();
      if (pending.length < end) return;
      const frame = jsonParse(pending.toString('utf8', 4, end));
      pending = pending.subarray(end);
      onFrame(frame);
    }
  });
}
