import { Writable } from 'node:stream';

import { describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';

import { shareWrite } from './shared-write.ts';

/** A connection that notes what each of its system calls would write. */
function connection() {
  const written: string[][] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) { written.push([String(chunk)]); done(); },
    writev(chunks, done) { written.push(chunks.map(({ chunk }) => String(chunk))); done(); },
  });
  return { node: { stream } as unknown as Redis, stream, written };
}

describe('a write that messages share', () => {
  it('has what is sent in one turn, by microtasks as well, in its order, and leaves with the turn', async () => {
    const { node, stream, written } = connection();
    const send = (text: string): void => { shareWrite(node); stream.write(text); };
    send('a');
    await Promise.resolve().then(() => send('b')).then(() => send('c'));
    expect(written).toEqual([]);
    await new Promise((turned) => { setImmediate(turned); });
    expect(written).toEqual([['a', 'b', 'c']]);
    send('d');
    await new Promise((turned) => { setImmediate(turned); });
    expect(written).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('is nothing to a client that has no connection yet', () => {
    expect(() => shareWrite({} as Redis)).not.toThrow();
  });
});
