import { describe, expect, it } from '@jest/globals';

import { describeThrown } from './thrown.mjs';

const BUNDLE = 'file:///cache/0a1b.mjs';
const hostile = new Proxy({}, { get() { throw new Error('no'); }, getPrototypeOf() { throw new Error('no'); }, ownKeys() { throw new Error('no'); } });

describe('what an agent threw', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('it broke'), 'it broke'],
    ['an error of another class', new RangeError('too far'), 'RangeError: too far'],
    ['an error without a message', new Error(''), 'the agent threw an error without a message'],
    ['null', null, 'the agent threw null'],
    ['undefined', undefined, 'the agent threw undefined'],
    ['text', 'just text', 'just text'],
    ['no text', '', 'the agent threw an empty string'],
    ['a number', 42, 'the agent threw 42'],
    ['an object', { reason: 'odd' }, "the agent threw { reason: 'odd' }"],
    ['getters that throw', { get message() { throw new Error('no'); }, get stack() { throw null; } }, 'the agent threw { message: [Getter], stack: [Getter] }'],
    ['a message that is not text', { message: 7 }, 'the agent threw { message: 7 }'],
  ])('is named: %s', (_, thrown, message) => {
    expect(describeThrown(thrown, BUNDLE).message).toBe(message);
  });

  it('is named whatever its traps do', () => {
    expect(describeThrown(hostile, BUNDLE).message).toMatch(/^the agent threw/);
  });

  it('is cut, and not even read where it is enormous', () => {
    expect(describeThrown(new Error('x'.repeat(10_000)), BUNDLE).message).toHaveLength(4000 + '... (10000 characters)'.length);
    expect(describeThrown(new Error('x'.repeat(2 ** 29 - 100)), BUNDLE)).toEqual({ message: '(a text of 536870812 characters)' });
  });

  it('keeps the frames of the agent and no path of this machine', () => {
    const error = new Error('deep');
    error.stack = ['Error: deep', `    at helper (${BUNDLE}:3:9)`, `    at callAgent (file://${import.meta.dirname}/entry.mjs:9:1)`,
      '    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)', '    at async node:internal/modules/esm/loader:647:26',
      '    at MessagePort.<anonymous> (/w/node_modules/piscina/dist/worker.js:166:24)'].join('\n');
    expect(describeThrown(error, BUNDLE).stack).toBe('Error: deep\n    at helper (bundle.mjs:3:9)');
  });
});
