import { describe, expect, it } from '@jest/globals';
import { toStorableJson } from '@bullpen/core';

import { writeJson } from './storable-json.mjs';

const MAX_DEPTH = 128;
const cycle: { self?: unknown } = {};
cycle.self = cycle;
const nested = (levels: number) => {
  let value: unknown = 1;
  for (let i = 0; i < levels; i += 1) value = [value];
  return value;
};

describe('what the thread writes as JSON', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined], ['null', null], ['a number', 1.5], ['NaN', Number.NaN], ['text', 'é😀"\\'], ['a date', new Date(0)], ['a map', new Map()],
    ['holes and functions inside', { a: [undefined, () => 1], b: undefined, c: () => 1 }], ['a small buffer', Buffer.from('ab')],
    ['a NUL', 'a\u0000'], ['a lone surrogate', ['\udc00']], ['a NUL in a key', { '\u0000': 1 }], ['a NUL in a key that is left out', { '\u0000': undefined }],
    ['a function', () => 1], ['a symbol', Symbol('s')], ['a BigInt', [1n]], ['a cycle', cycle], ['toJSON that throws', { toJSON() { throw new Error('no'); } }],
    ['a getter that throws null', { get x() { throw null; } }], ['nesting at the cap', nested(MAX_DEPTH)], ['nesting beyond it', nested(MAX_DEPTH + 1)],
    ['much text', 'x'.repeat(1000)], ['many elements', Array.from({ length: 600 }, () => 1)], ['long keys', { ['k'.repeat(2000)]: 1 }],
  ])('is judged as core judges it: %s', (_, value) => {
    const here = writeJson(value, 1000, MAX_DEPTH);
    const there = toStorableJson(value, 1000);
    expect(here.ok ? here.json : here.problem).toBe(there.ok ? there.json : there.problem);
  });

  it('is given up as soon as the cap is passed, before a huge text is copied', () => {
    const huge = 'x'.repeat(2 ** 29 - 100); // JSON.stringify of it throws or, in a small heap, aborts the process
    expect(writeJson({ a: [huge] }, 1000, MAX_DEPTH)).toMatchObject({ ok: false, problem: 'too_large' });
    expect(writeJson(huge, 1000, MAX_DEPTH)).toMatchObject({ problem: 'too_large' });
  });

  it('does not turn a large buffer into an array of numbers to find that it is too large', () => {
    const buffer = Buffer.alloc(64 * 1024 * 1024);
    expect(writeJson({ file: buffer }, 1000, MAX_DEPTH)).toMatchObject({ problem: 'too_large' });
    expect(writeJson(buffer, 1000, MAX_DEPTH)).toMatchObject({ problem: 'too_large' });
  });

  it('leaves JSON.stringify of a buffer to the agent as it was', () => {
    expect(JSON.parse(JSON.stringify(Buffer.alloc(3000))).data).toHaveLength(3000);
  });
});
