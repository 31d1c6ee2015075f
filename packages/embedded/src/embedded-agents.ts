import { createHash } from 'node:crypto';

import { BullpenError, agentManifestSchema, parseOrThrow, type AgentManifest, type AgentManifestInput } from '@bullpen/core';
import type { ReadAgent } from '@bullpen/sdk/integration';

/** An agent as it is handed in: one ES module as text, whose default export is the agent. */
export interface EmbeddedAgent {
  readonly module: string;
  readonly manifest?: AgentManifestInput;
}

export interface KnownVersion {
  readonly name: string;
  readonly version: number;
  readonly sha256: string;
  readonly manifest: AgentManifest;
}

/** What this process knows of agents: versions by name, modules by their hash. A version never changes. */
export class EmbeddedAgents {
  readonly #versions = new Map<string, KnownVersion[]>();
  readonly #modules = new Map<string, string>();

  /** The version that is the same already, or a new one. */
  add(name: string, module: string, manifest: AgentManifest): KnownVersion {
    const versions = this.#versions.get(name) ?? [];
    const sha256 = createHash('sha256').update(module).digest('hex');
    const same = versions.find((one) => one.sha256 === sha256 && JSON.stringify(one.manifest) === JSON.stringify(manifest));
    if (same !== undefined) return same;
    const made = { name, version: versions.length + 1, sha256, manifest };
    this.#modules.set(sha256, module);
    this.#versions.set(name, [...versions, made]);
    return made;
  }

  /** What a call names, or brings along. @throws BullpenError AGENT_NOT_FOUND, INVALID_REQUEST */
  find(agent: ReadAgent): KnownVersion {
    if (agent.kind === 'module') return this.add(agent.agent, agent.module, parseOrThrow(agentManifestSchema, agent.manifest, 'manifest'));
    const versions = this.#versions.get(agent.agent) ?? [];
    const found = agent.version === undefined ? versions.at(-1) : versions[agent.version - 1];
    if (found === undefined) throw new BullpenError('AGENT_NOT_FOUND', `nothing is deployed as ${agent.agent} in this process`, { agent: agent.agent });
    return found;
  }

  /** @throws BullpenError NOT_FOUND */
  module(sha256: string): string {
    const module = this.#modules.get(sha256);
    if (module === undefined) throw new BullpenError('NOT_FOUND', `no bundle ${sha256}`);
    return module;
  }
}
