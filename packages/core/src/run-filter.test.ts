import { describe, expect, it } from '@jest/globals';

import { bulkRequestSchema } from './bulk-schemas.ts';
import { listRunsSchema } from './run-schemas.ts';

describe('what runs are looked for by', () => {
  const faultsOf = (query: object) => listRunsSchema.safeParse(query).error?.issues.map(({ message }) => message);

  it.each([['alone', 'done'], ['among others', ['failed', 'done']]])('says which states there are, where one is none (%s)', (_, state) => {
    expect(faultsOf({ state })).toEqual([expect.stringContaining('"succeeded"|"failed"')]);
  });

  it('says what a time looks like', () => {
    expect(faultsOf({ queuedAfter: '2026-01-01T00:00:00+02:00' })).toEqual([expect.stringContaining('2026-01-31T09:30:00Z')]);
  });

  it('takes several pairs of metadata, but no two values of one name', () => {
    expect(listRunsSchema.parse({ metadata: ['a:b', 'c:d:e', 'a:b'] }).metadata).toEqual({ a: 'b', c: 'd:e' });
    expect(faultsOf({ metadata: ['a:b', 'a:c'] })).toEqual(['gives one name two values']);
  });
});

describe('which runs are cancelled together', () => {
  it.each([[{}], [{ metadata: {} }], [{ tags: [] }], [{ states: [] }]])('are never all by mistake: %j', (filter) => {
    expect(bulkRequestSchema.safeParse({ filter }).success).toBe(false);
    expect(bulkRequestSchema.safeParse({ filter: { ...filter, metadata: { a: 'b' }, tags: ['a'], states: ['queued'] } }).success).toBe(true);
  });
});
