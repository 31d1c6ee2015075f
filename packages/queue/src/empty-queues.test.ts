import { describe, expect, it } from '@jest/globals';

import { EmptyQueues } from './empty-queues.ts';

const claimed = (generation?: string) => ({ orgId: 'a', virtualTime: 0, weight: 1, hasMemoryLimit: false, ...(generation === undefined ? {} : { generation }) });

describe('a queue that proved to be empty', () => {
  it('needs no second look until something is marked', () => {
    const empty = new EmptyQueues();
    expect(empty.isStill(claimed('1'))).toBe(false);
    empty.note('a');
    expect(empty.isStill(claimed('1'))).toBe(true);
    expect(empty.isStill(claimed('1'))).toBe(false);
    empty.note('a');
    expect(empty.isStill(claimed('2'))).toBe(false);
  });

  it('is looked at where nothing is known of it', () => {
    const empty = new EmptyQueues();
    empty.note('a');
    expect(empty.isStill(claimed('1'))).toBe(false);
    expect(empty.isStill(claimed('1'))).toBe(false);
    expect(empty.isStill(claimed())).toBe(false);
  });
});
