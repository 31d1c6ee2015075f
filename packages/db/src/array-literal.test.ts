import { describe, expect, it } from '@jest/globals';

import { arrayLiteral, column, timeText } from './array-literal.ts';

describe('an array literal', () => {
  it('quotes text, escapes quotes and backslashes, and leaves numbers and nulls bare', () => {
    expect(arrayLiteral(['a', 'say "hi"', 'back\\slash', '{,}', '', null, 7, true])).toBe(
      '{"a","say \\"hi\\"","back\\\\slash","{,}","",NULL,7,true}',
    );
  });

  it('tells the text NULL from no value', () => {
    expect(arrayLiteral(['NULL', null])).toBe('{"NULL",NULL}');
  });

  it('takes a column of rows', () => {
    expect(column([{ n: 1 }, { n: 2 }], (row) => row.n)).toBe('{1,2}');
    expect(column([], () => null)).toBe('{}');
  });

  it('writes times to the millisecond', () => {
    expect(timeText(1_700_000_000_123)).toBe('2023-11-14T22:13:20.123Z');
    expect(timeText(null)).toBeNull();
  });
});
