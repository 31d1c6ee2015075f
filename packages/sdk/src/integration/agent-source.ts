import { SLUG_PATTERN, defined, type AgentManifestInput } from '@bullpen/core';

import type { Agent } from '../define-agent.ts';

/** A deployed agent: of a version, or of what a deployment points at. */
export interface DeployedAgent {
  readonly agent: string;
  readonly version?: number;
  readonly deployment?: string;
}

/** Code that comes with the call: the text of a function `(input, ctx) => result`. It sees nothing but its arguments. */
export interface InlineAgent {
  readonly name: string;
  readonly code: string;
  readonly manifest?: AgentManifestInput;
}

/** The same as a whole ES module, whose default export is the agent. */
export interface InlineModule {
  readonly name: string;
  readonly module: string;
  readonly manifest?: AgentManifestInput;
}

/** Steps one after the other: each is given what the one before returned, the first one the input. */
export interface SteppedAgent {
  readonly name: string;
  readonly steps: readonly { readonly name: string; readonly code: string }[];
  readonly manifest?: AgentManifestInput;
}

/** What Bullpen can execute. A string is the name of a deployed agent; so is one of `defineAgent`, by its name. */
export type AgentSource = string | DeployedAgent | InlineAgent | InlineModule | SteppedAgent | Agent<never>;

/** The same, read: what is deployed, or a module to deploy. */
export type ReadAgent =
  | { readonly kind: 'deployed'; readonly agent: string; readonly version?: number; readonly deployment?: string }
  | { readonly kind: 'module'; readonly agent: string; readonly module: string; readonly manifest: AgentManifestInput };

/** Null for what only an existing engine can understand. */
export function readAgent(source: unknown): ReadAgent | null {
  if (typeof source === 'string') return SLUG_PATTERN.test(source) ? { kind: 'deployed', agent: source } : null;
  if (typeof source !== 'object' || source === null) return null;
  const { agent, version, deployment, name, code, module, steps, manifest = {}, run } = source as Record<string, unknown>;
  // One that says its version in another way (`"2.1.0"`) is another engine's: to leave it out would execute another version.
  if (isSlug(agent)) return isVersion(version) && isDeployment(deployment) ? { kind: 'deployed', agent, ...defined({ version, deployment }) } : null;
  if (!isSlug(name) || typeof manifest !== 'object' || manifest === null) return null;
  const text = moduleText(name, { code, module, steps });
  if (text !== null) return { kind: 'module', agent: name, module: text, manifest };
  return typeof run === 'function' && 'manifest' in source ? { kind: 'deployed', agent: name } : null;
}

const isSlug = (value: unknown): value is string => typeof value === 'string' && SLUG_PATTERN.test(value);

const isVersion = (value: unknown): value is number | undefined => value === undefined || Number.isInteger(value);
const isDeployment = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string';

function moduleText(name: string, { code, module, steps }: { code: unknown; module: unknown; steps: unknown }): string | null {
  if (typeof module === 'string') return module;
  if (typeof code === 'string') return `export default { name: ${JSON.stringify(name)}, run: (${code}\n) };\n`;
  return isSteps(steps) ? steppedModule(name, steps) : null;
}

function isSteps(steps: unknown): steps is SteppedAgent['steps'] {
  const isStep = (step: unknown): boolean => typeof (step as SteppedAgent['steps'][number] | null)?.name === 'string' && typeof (step as { code?: unknown }).code === 'string';
  return Array.isArray(steps) && steps.length > 0 && steps.every(isStep);
}

/** Each step is a span and a bit of progress; which one failed is in its span. */
function steppedModule(name: string, steps: SteppedAgent['steps']): string {
  const listed = steps.map((step) => `  { name: ${JSON.stringify(step.name)}, run: (${step.code}\n) },`).join('\n');
  return `const steps = [
${listed}
];
export default {
  name: ${JSON.stringify(name)},
  async run(input, ctx) {
    let value = input;
    for (const [index, step] of steps.entries()) {
      ctx.signal.throwIfAborted();
      ctx.progress(index / steps.length, step.name);
      value = await ctx.trace.span(step.name, { 'bullpen.step': index }, () => step.run(value, ctx));
    }
    ctx.progress(1);
    return value;
  },
};
`;
}
