import { defineAgent } from '@bullpen/sdk';

export default defineAgent<{ to?: number } | null, { sum: number }>({
  name: 'my-agent-counter',
  description: 'Adds up the numbers to a given one, and says how far it is.',
  timeoutMs: 10_000,
  memoryMb: 32,

  async run(input, ctx) {
    const to = input?.to ?? 10;
    let sum = 0;
    for (let i = 1; i <= to; i += 1) {
      ctx.signal.throwIfAborted();
      sum += i;
      ctx.progress(i / to);
    }
    return { sum };
  },
});
