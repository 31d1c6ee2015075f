import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { BullpenError, errorCodeOf, isTerminal, messageOf, type AgentManifestInput, type CreateRunRequest } from '@bullpen/core';
import type { BullpenClient, RunOf } from '@bullpen/sdk';

import type { Connection } from '../config.ts';
import { VERIFY_AGENTS_DIR } from '../installation.ts';


export const VERIFY_AGENTS = ['walls', 'hog', 'spinner', 'echo'] as const;
export type VerifyAgent = (typeof VERIFY_AGENTS)[number];

/** Organizations of the checks carry this name, by which leftovers of a check that was killed are known. */
const BED_NAME = 'made by bullpen verify';
const BED_ID = /^verify-[0-9a-f]{8}-(red|blue|load)$/;
/** No check takes this long: what is older is nobody's any more. */
const LEFTOVER_AFTER_MS = 3_600_000;
/** Removing an organization waits for its runs to end. */
const TEAR_DOWN_WITHIN_MS = 90_000;

/** One organization of the checks, and a client with a key of its own. */
export interface BedOrganization {
  readonly id: string;
  readonly client: BullpenClient;
}

export interface TestBedDeps {
  admin: BullpenClient;
  connection: Connection;
  connect(connection: Connection): BullpenClient;
  signal: AbortSignal;
  /** How long metrics and scores may take to show what has run: workers hand figures on within seconds, a busy machine takes longer. */
  figuresWithinMs: number;
  nowMs(): number;
}

/**
 * Organizations that are there for the checks only: two that must not see each other, and one that is kept busy. Whatever
 * was made is known to `tearDown` from the moment it is asked for, so that nothing is left by a set-up that broke off.
 */
export class TestBed {
  readonly id = `verify-${randomBytes(4).toString('hex')}`;
  /** What the blue organization keeps and the red one must not find. */
  readonly token = randomBytes(16).toString('hex');
  readonly deps: TestBedDeps;
  /** False where secrets cannot be kept; a line of its own says so. */
  hasSecret = false;
  readonly #organizations = new Map<string, BedOrganization | null>();

  constructor(deps: TestBedDeps) {
    this.deps = deps;
  }

  get red(): BedOrganization { return this.#organization('red'); }
  get blue(): BedOrganization { return this.#organization('blue'); }
  get load(): BedOrganization { return this.#organization('load'); }

  /** The port that the API is reached at, which is a port inside the deployment for whoever runs there. */
  get apiPort(): number {
    const { port, protocol } = new URL(this.deps.connection.baseUrl);
    return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  }

  #organization(name: string): BedOrganization {
    const organization = this.#organizations.get(`${this.id}-${name}`);
    if (organization === undefined || organization === null) throw new BullpenError('NOT_FOUND', `the organization ${this.id}-${name} could not be made`);
    return organization;
  }

  async setUp(): Promise<void> {
    for (const [name, poolMb] of [['red', 1024], ['blue', 1024], ['load', 4096]] as const) await this.#make(`${this.id}-${name}`, poolMb);
    for (const { client } of [this.red, this.blue]) for (const agent of VERIFY_AGENTS) await this.#deploy(client, agent);
    await this.#deploy(this.load.client, 'echo');
  }

  async #make(id: string, poolMb: number): Promise<void> {
    const { admin, connect, connection, signal } = this.deps;
    this.#organizations.set(id, null);
    await admin.organizations.create({ id, name: BED_NAME, poolMb }, { signal });
    // The admin's client names no organization: the body does.
    const { secret } = await admin.keys.create({ orgId: id, name: 'verify', role: 'owner' }, { signal });
    this.#organizations.set(id, { id, client: connect({ baseUrl: connection.baseUrl, apiKey: secret }) });
  }

  async #deploy(client: BullpenClient, agent: VerifyAgent): Promise<void> {
    await client.agents.deploy(agent, { bundle: readFileSync(join(VERIFY_AGENTS_DIR, `${agent}.mjs`), 'utf8'), manifest: this.#manifestOf(agent) }, { signal: this.deps.signal });
  }

  #manifestOf(agent: VerifyAgent): AgentManifestInput {
    if (agent !== 'walls') return { maxAttempts: 1 };
    const ports = [...new Set([80, this.apiPort])];
    // Allowed by name, so that it is the address that must be refused.
    const allow = ['127.0.0.1', '[::1]', '169.254.169.254', '10.0.0.1'].map((host) => ({ host, ports }));
    return { maxAttempts: 1, secrets: ['VERIFY_SECRET'], egress: { allow } };
  }

  /** A run that has ended. @throws BullpenError INTERNAL where it has not within `withinMs`, with what it waits for. */
  async run<Result>(client: BullpenClient, request: CreateRunRequest, withinMs = 120_000): Promise<RunOf<Result>> {
    const { signal } = this.deps;
    const late = AbortSignal.timeout(withinMs);
    const either = AbortSignal.any([signal, late]);
    const run = await client.runs.create<Result>(request, { signal, wait: '30s' });
    if (isTerminal(run.state)) return run;
    try {
      return await client.runs.wait<Result>(run.id, { signal: either });
    } catch (error) {
      if (!late.aborted || signal.aborted) throw error;
      const why = await client.runs.why(run.id, { signal }).catch(() => null);
      const waits = why?.causes.map(({ detail }) => detail).join('; ') ?? '';
      throw new BullpenError('INTERNAL', `the run ${run.id} has not ended within ${withinMs / 1000} s${waits === '' ? '' : `: ${waits}`}`, { runId: run.id });
    }
  }

  /** Deletes every organization that was asked for. @returns what is still there, with the reason, and how many rows went. */
  async tearDown(): Promise<{ rows: number; deleted: string[]; left: { orgId: string; why: string }[] }> {
    const result = { rows: 0, deleted: [] as string[], left: [] as { orgId: string; why: string }[] };
    // Its own time, not the command's: what was interrupted is removed all the same.
    const signal = AbortSignal.timeout(TEAR_DOWN_WITHIN_MS);
    await Promise.all([...this.#organizations.keys()].map(async (orgId) => {
      try {
        const { rows } = await this.deps.admin.organizations.delete(orgId, { signal });
        result.rows += Object.values(rows).reduce((sum, count) => sum + count, 0);
        result.deleted.push(orgId);
      } catch (error) {
        if (errorCodeOf(error) !== 'NOT_FOUND') result.left.push({ orgId, why: messageOf(error) });
      }
    }));
    this.#organizations.clear();
    return result;
  }

  /** Removes what a check left that was killed, an hour ago or more. @returns how many organizations. */
  async removeLeftovers(): Promise<number> {
    const { admin, signal, nowMs } = this.deps;
    const { items } = await admin.organizations.list({ limit: 200, signal });
    const left = items.filter(({ id, name, createdAt }) => BED_ID.test(id) && name === BED_NAME && nowMs() - Date.parse(createdAt) > LEFTOVER_AFTER_MS);
    for (const { id } of left) await admin.organizations.delete(id, { signal });
    return left.length;
  }
}
