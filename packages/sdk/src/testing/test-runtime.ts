import { DEFAULT_ORGANIZATION_LIMITS, DEFAULT_ORGANIZATION_RETENTION, DEFAULT_POOL_MB, defined, type CreateRunRequest, type Organization, type StoredRunEvent } from '@bullpen/core';

import type { AgentKv } from '../agent-context.ts';
import type { Agent } from '../define-agent.ts';
import { runLocally, type LocalRun } from '../local/local-run.ts';
import type { ValueChecker } from '../local/value-checker.ts';
import { inProcessAttempts } from './in-process-attempt.ts';
import { MemoryKv } from './memory-kv.ts';
import type { FetchStub } from './stub-fetch.ts';

export interface TestRuntimeOptions {
  /** `test` where left out. */
  orgId?: string;
  /** Values by name; an agent reads those that its manifest declares. */
  secrets?: Readonly<Record<string, string>>;
  /** What `ctx.kv` holds before the first run, for each agent. */
  kv?: Readonly<Record<string, unknown>>;
  /** Answers `ctx.fetch`, within the manifest's allowlist; without it every request fails with EGRESS_FAILED. */
  fetch?: FetchStub;
  /** Holds input and result against their schemas; zod's reading of JSON schema where left out. */
  checker?: ValueChecker;
}

/** What a run may be given beside its input: the fields of `POST /v1/runs`. */
export interface TestRunOptions extends Omit<CreateRunRequest, 'agent' | 'input' | 'version' | 'deployment'> {
  /** The version that `ctx.run.version` says; 1 where left out. */
  version?: number;
  /** Cancels the run. */
  signal?: AbortSignal;
  /** Told each event as it is said. */
  onEvent?: (event: StoredRunEvent) => void;
}

/** A finished run with the level and the words of its log lines beside all of its events. */
export type TestRun<Result = unknown> = LocalRun<Result> & { readonly logs: readonly TestLogLine[] };

export interface TestLogLine {
  readonly level: string;
  readonly message: string;
  readonly fields?: unknown;
}

export interface TestRuntime {
  /**
   * Runs an agent to its end, attempts that may be repeated included, without waiting between them.
   * @throws BullpenError what the API refuses such a request with: INPUT_INVALID, INPUT_TOO_LARGE, LIMIT_EXCEEDED, ...
   */
  run<Input, Output>(agent: Agent<Input, Output>, input: Input, options?: TestRunOptions): Promise<TestRun<Output>>;
  /** The entries of an agent, to prepare and to look at. */
  kv(agentName: string): AgentKv;
}

/**
 * Runs agents in a test, in this process and without any service: the same `ctx`, the same checks of input and result,
 * the same codes, and a run of the same shape. It builds no wall: docs/testing-agents.md says what it does not enforce.
 *
 * @example
 * const runtime = createTestRuntime({ secrets: { TOKEN: 'x' }, fetch: () => Response.json({ ok: true }) });
 * const run = await runtime.run(agent, { name: 'Ada' });
 * expect(run).toMatchObject({ state: 'succeeded', result: 'Hello, Ada' });
 */
export function createTestRuntime(options: TestRuntimeOptions = {}): TestRuntime {
  const stores = new Map<string, MemoryKv>();
  const kv = (name: string): MemoryKv => {
    const store = stores.get(name) ?? new MemoryKv(options.kv);
    stores.set(name, store);
    return store;
  };
  const secrets = new Map(Object.entries(options.secrets ?? {}));
  const organization = localOrganization(options.orgId ?? 'test');
  return {
    kv,
    async run<Input, Output>(agent: Agent<Input, Output>, input: Input, { version = 1, signal, onEvent, ...request }: TestRunOptions = {}) {
      const { name, manifest } = agent;
      const around = { kv: kv(name), secrets, fetch: options.fetch };
      const execute = inProcessAttempts((given, ctx) => agent.run(given, ctx), around);
      const asked = { tier: manifest.tier ?? 'basic', ...request, agent: name, input } satisfies CreateRunRequest;
      const run = await runLocally<Output>({ organization, execute, checker: options.checker }, { name, version, manifest }, asked, { signal, onEvent });
      return { ...run, logs: logsOf(run.events) };
    },
  };
}

/** An organization with room for everything. */
export function localOrganization(id: string): Organization {
  return {
    id, name: id, poolMb: DEFAULT_POOL_MB * 16, maxMemoryMb: 4096, minimumTier: 'basic', caps: {},
    limits: DEFAULT_ORGANIZATION_LIMITS, retention: DEFAULT_ORGANIZATION_RETENTION, createdAt: new Date(0).toISOString(),
  };
}

function logsOf(events: readonly StoredRunEvent[]): TestLogLine[] {
  return events.flatMap(({ event }) => (event.type === 'log' ? [defined({ level: event.level, message: event.message, fields: event.fields }) as TestLogLine] : []));
}
