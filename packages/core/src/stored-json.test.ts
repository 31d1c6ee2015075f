import { describe, expect, it } from '@jest/globals';

import { toStorableJson } from './stored-json.ts';

const problemOf = (value: unknown, maxBytes = 1000) => {
  const stored = toStorableJson(value, maxBytes);
  return stored.ok ? null : stored.problem;
};

describe('what Postgres can store', () => {
  it.each([[null], [undefined], ['text'], [{ a: [1, 'é', '😀'] }], ['a \\u0000 written out as text']])('takes %p', (value) => {
    expect(problemOf(value)).toBeNull();
  });

  it.each([
    ['a NUL', 'a\u0000b', 'not_storable'],
    ['a lone surrogate', '\ud800', 'not_storable'],
    ['a NUL after a backslash', '\\\u0000', 'not_storable'],
    ['a NUL in a key', { 'k\u0000': 1 }, 'not_storable'],
    ['a BigInt', { n: 1n }, 'not_serializable'],
    ['a function', () => 1, 'not_serializable'],
    ['a symbol', Symbol('s'), 'not_serializable'],
    ['a throwing getter', { get x() { throw new Error('no'); } }, 'not_serializable'],
    ['a getter that throws null', { get x() { throw null; } }, 'not_serializable'],
    ['too much', 'x'.repeat(1001), 'too_large'],
  ])('refuses %s', (_, value, problem) => {
    expect(problemOf(value)).toBe(problem);
  });

  it('refuses a cycle and deep nesting', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(problemOf(cycle)).toBe('not_serializable');
    let deep: unknown = 'brackets in text do not count: [[[[{{{{ "';
    for (let i = 0; i < 128; i += 1) deep = [deep];
    expect(problemOf(deep)).toBeNull();
    expect(problemOf([deep])).toBe('not_storable');
  });

  it('counts bytes, not characters', () => {
    expect(problemOf('é'.repeat(10), 22)).toBeNull();
    expect(problemOf('é'.repeat(10), 21)).toBe('too_large');
  });
});
