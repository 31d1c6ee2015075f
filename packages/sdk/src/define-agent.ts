import type { AgentManifestInput } from '@bullpen/core';

import type { AgentContext } from './agent-context.ts';

/** What `defineAgent` takes: a name, what the agent asks for, and what it does. */
export interface AgentDefinition<Input, Output> extends AgentManifestInput {
  /** Lower-case letters, digits and dashes; unique in its organization. */
  name: string;
  /** Runs once per attempt. What it returns is the result of the run and must be JSON, at most 1 MiB. */
  run(input: Input, ctx: AgentContext): Output | Promise<Output>;
}

/** An agent as a bundle's default export carries it. */
export interface Agent<Input = never, Output = unknown> {
  readonly name: string;
  readonly manifest: AgentManifestInput;
  run(input: Input, ctx: AgentContext): Output | Promise<Output>;
}

/**
 * Declares an agent: make it the default export of a module and deploy that with `bullpen deploy`.
 * This module imports nothing, so that a bundle carries only what its agent uses.
 *
 * @example
 * export default defineAgent<{ name: string }, string>({
 *   name: 'greeter',
 *   timeoutMs: 5_000,
 *   run: ({ name }, ctx) => {
 *     ctx.log('greeting', { name });
 *     return `Hello, ${name}`;
 *   },
 * });
 */
export function defineAgent<Input = unknown, Output = unknown>(definition: AgentDefinition<Input, Output>): Agent<Input, Output> {
  const { name, run, ...manifest } = definition;
  return Object.freeze({ name, manifest: Object.freeze(manifest), run: run.bind(definition) });
}
