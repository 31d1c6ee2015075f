import { defineAgent } from '@bullpen/sdk';

interface Input {
  visitor: string;
}

interface Output {
  visitor: string;
  visits: number;
  visitors: number;
}

export default defineAgent<Input, Output>({
  name: 'my-agent',
  description: 'Counts how often each visitor came, across runs.',
  timeoutMs: 10_000,
  memoryMb: 64,
  maxAttempts: 3,
  // Checked when a run is posted, before it costs anything.
  inputSchema: {
    type: 'object',
    properties: { visitor: { type: 'string', minLength: 1, maxLength: 100 } },
    required: ['visitor'],
    additionalProperties: false,
  },

  async run({ visitor }, ctx) {
    const key = `visits/${visitor}`;
    for (;;) {
      const entry = await ctx.kv.getEntry<{ visits: number; lastRun: string }>(key);
      // A second attempt of the same run must not count the visit twice.
      const visits = entry?.value.lastRun === ctx.run.id ? entry.value.visits : (entry?.value.visits ?? 0) + 1;
      try {
        await ctx.kv.set(key, { visits, lastRun: ctx.run.id }, { ifRevision: entry?.revision ?? 0 });
      } catch (error) {
        // Another run of this agent was faster: look again.
        if ((error as { code?: string }).code === 'KV_CONFLICT') continue;
        throw error;
      }
      const { entries } = await ctx.kv.list({ prefix: 'visits/', limit: 200 });
      ctx.emit('visit', { visitor, visits });
      return { visitor, visits, visitors: entries.length };
    }
  },
});
