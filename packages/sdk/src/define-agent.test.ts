import { describe, expect, it } from '@jest/globals';

import type { AgentContext } from './agent-context.ts';
import { defineAgent } from './define-agent.ts';

describe('defineAgent', () => {
  it('splits what the agent asks for from what it does', () => {
    const agent = defineAgent<{ name: string }, string>({
      name: 'greeter', description: 'greets', timeoutMs: 5_000, memoryMb: 32, run: ({ name }) => `Hello, ${name}`,
    });
    expect(agent.name).toBe('greeter');
    expect(agent.manifest).toEqual({ description: 'greets', timeoutMs: 5_000, memoryMb: 32 });
    expect(agent.run({ name: 'Ada' }, {} as AgentContext)).toBe('Hello, Ada');
  });

  it('takes schemas as JSON schema or from a library that can say what they are', () => {
    const library = { '~standard': { jsonSchema: { input: ({ target }: { target: string }) => ({ $comment: target, type: 'object' }) } } };
    const { manifest } = defineAgent({ name: 'typed', inputSchema: library, outputSchema: { type: 'string' }, run: () => 'x' });
    expect(manifest).toEqual({ inputSchema: { $comment: 'draft-2020-12', type: 'object' }, outputSchema: { type: 'string' } });
  });

  it('keeps the definition as `this` of its run', () => {
    const definition = { name: 'self', greeting: 'hi', run(): string { return this.greeting; } };
    expect(defineAgent(definition).run(null, {} as AgentContext)).toBe('hi');
  });
});
