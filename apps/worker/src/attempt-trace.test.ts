import { describe, expect, it } from '@jest/globals';

import { tokensOf } from './attempt-trace.ts';

const told = (input: string | number | boolean, output: string | number | boolean) => tokensOf({ attributes: { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output } });

describe('the tokens that a span tells of', () => {
  it('are those that went in and those that came out', () => {
    expect(told(12, 30)).toBe(42);
    expect(tokensOf({ attributes: { 'gen_ai.usage.input_tokens': 7 } })).toBe(7);
    expect(tokensOf({ attributes: {} })).toBe(0);
  });

  it('are none where they are no count of any model', () => {
    expect([told('many', true), told(-5, 1e308), told(Number.MAX_SAFE_INTEGER, 3)]).toEqual([0, 0, 3]);
  });
});
