import { setImmediate as nextTurn } from 'node:timers/promises';

import { defineAgent } from '@bullpen/sdk';

export interface TroubleInput {
  mode: 'timeout' | 'memory' | 'exception' | 'flaky';
}

/** Fails on purpose in the chosen way, to show what an operator sees of it. */
export default defineAgent<TroubleInput, string>({
  name: 'troublemaker',
  description: 'Fails on purpose: runs for ever, eats memory, throws, or fails only the first time.',
  timeoutMs: 5_000,
  memoryMb: 32,

  async run({ mode }, ctx) {
    ctx.log.warn('about to make trouble', { mode, attempt: ctx.attempt });
    switch (mode) {
      case 'timeout':
        return spinForEver();
      case 'memory':
        return eatMemory();
      case 'exception':
        throw new RangeError('there is no such shelf: 7 of 6');
      case 'flaky':
        if (ctx.attempt === 1) throw new Error('the first attempt always fails');
        return `attempt ${ctx.attempt} worked`;
      default:
        throw new TypeError(`mode must be timeout, memory, exception or flaky, not ${String(mode)}`);
    }
  },
});

/** A loop that gives way to nothing, its own signal included: only killing its thread ends it. */
function spinForEver(): never {
  for (;;);
}

/** Keeps what it makes, in pieces: one huge array would take the process down before any limit is looked at. */
async function eatMemory(): Promise<never> {
  const kept: object[][] = [];
  for (;;) {
    kept.push(Array.from({ length: 2000 }, (_, i) => ({ number: i, label: `piece ${kept.length}.${i}` })));
    await nextTurn();
  }
}
