import { defineAgent } from '@bullpen/sdk';

export default defineAgent<{ name?: string } | null, { greeting: string }>({
  name: 'my-agent-greeter',
  description: 'Greets.',
  timeoutMs: 5_000,
  memoryMb: 32,

  async run(input, ctx) {
    ctx.log('greeting');
    return { greeting: `Hello, ${input?.name ?? 'world'}!` };
  },
});
