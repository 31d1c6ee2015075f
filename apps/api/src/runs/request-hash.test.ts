import { describe, expect, it } from '@jest/globals';
import { createRunSchema } from '@bullpen/core';

import { hashRequest } from './request-hash.ts';

const hash = (input: unknown) => hashRequest(createRunSchema.parse({ agent: 'echo', input }));

describe('the hash of a request', () => {
  it('is made of what it asks for, not of the order of its keys', () => {
    expect(hash({ a: 1, b: [1, 2] })).toBe(hash({ b: [1, 2], a: 1 }));
    expect(hash({ a: 1, b: [1, 2] })).not.toBe(hash({ a: 1, b: [2, 1] }));
  });
});
