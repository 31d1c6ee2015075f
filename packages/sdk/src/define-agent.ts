import type { AgentManifestInput } from '@bullpen/core';

import type { AgentContext } from './agent-context.ts';

/**
 * A schema of a library that can say what it is as JSON schema, as zod's (from 4.2 on) can.
 * Source: https://standardschema.dev/json-schema
 */
export interface SchemaWithJson {
  readonly '~standard': { readonly jsonSchema: { input(options: { target: string }): Record<string, unknown> } };
}

/** What `defineAgent` takes: a name, what the agent asks for, and what it does. */
export interface AgentDefinition<Input, Output> extends Omit<AgentManifestInput, 'inputSchema' | 'outputSchema'> {
  /** What the input must be, as JSON schema or as zod: runs with another one are refused when they are posted. */
  inputSchema?: Record<string, unknown> | SchemaWithJson;
  /** What the result must be: a run that returns something else fails with OUTPUT_INVALID. */
  outputSchema?: Record<string, unknown> | SchemaWithJson;
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
  const { name, run, inputSchema, outputSchema, ...rest } = definition;
  const manifest: AgentManifestInput = {
    ...rest,
    ...(inputSchema === undefined ? {} : { inputSchema: jsonSchemaOf(inputSchema) }),
    ...(outputSchema === undefined ? {} : { outputSchema: jsonSchemaOf(outputSchema) }),
  };
  return Object.freeze({ name, manifest: Object.freeze(manifest), run: run.bind(definition) });
}

/** The JSON schema of what a caller may send: with `input`, what has a default may be left out. */
function jsonSchemaOf(schema: Record<string, unknown> | SchemaWithJson): Record<string, unknown> {
  const standard = (schema as Partial<SchemaWithJson>)['~standard'];
  return standard === undefined ? (schema as Record<string, unknown>) : standard.jsonSchema.input({ target: 'draft-2020-12' });
}
