import { describe, expect, it } from '@jest/globals';

import { formatTraceparent, idsOfTraceparent, parseTraceparent } from './tracing.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a traceparent', () => {
  it('is taken as it is, and comes apart and together again', () => {
    expect(parseTraceparent(TRACEPARENT)).toBe(TRACEPARENT);
    expect(formatTraceparent(idsOfTraceparent(TRACEPARENT))).toBe(TRACEPARENT);
  });

  it.each([undefined, '', 'x', `01${TRACEPARENT.slice(2)}`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`, `${TRACEPARENT}-x`, TRACEPARENT.toUpperCase()])(
    'is none: %s', (header) => {
      expect(parseTraceparent(header)).toBeNull();
    });
});
