import { fileURLToPath } from 'node:url';

import { bundleAgent, type AgentBundle } from '@bullpen/cli';
import { errorCodeOf, messageOf } from '@bullpen/core';
import { createClient, type BullpenClient, type RunOf } from '@bullpen/sdk';

import { ORGANIZATIONS, scenariosOf, type ExampleOrganization, type Scenario } from './scenarios.ts';

export interface ExamplesOptions {
  apiUrl: string;
  adminKey: string;
  /** One line as soon as something is known. */
  onProgress?: (line: string) => void;
}

export interface ExamplesReport {
  runs: number;
  succeeded: number;
  /** Runs that failed in the way that their example is there to show. */
  expectedFailures: number;
  /** Runs that ended in another way than their example says, or did not end. */
  unexpected: number;
  /** From the call to the first result, ms. */
  firstRunMs: number;
  lines: string[];
  /** A new API key of each organization. */
  orgKeys: Record<string, string>;
}

const AGENTS = ['csv-analyst', 'document-indexer', 'long-report', 'troublemaker'] as const;

/**
 * Deploys the example agents to two organizations (made where they are missing) and runs them in both at the same
 * time, then says of each run whether it ended as its example says. Rejects only where the API fails altogether.
 */
export async function runExamples(options: ExamplesOptions): Promise<ExamplesReport> {
  const startedAtMs = performance.now();
  const report: Omit<ExamplesReport, 'orgKeys'> = { runs: 0, succeeded: 0, expectedFailures: 0, unexpected: 0, firstRunMs: 0, lines: [] };
  const bundles = new Map(AGENTS.map((agent) => [agent as string, bundleExample(agent)]));
  const tell: Tell = (line, ending) => {
    if (ending !== undefined) count(report, ending, performance.now() - startedAtMs);
    report.lines.push(line);
    options.onProgress?.(line);
  };
  const keys = await Promise.all(ORGANIZATIONS.map(async (org) => {
    const apiKey = await prepareOrganization(options, org);
    const client = createClient({ baseUrl: options.apiUrl, apiKey });
    await runAll(org, client, deployAll(client, bundles), tell);
    return [org, apiKey] as const;
  }));
  // In the order of ORGANIZATIONS, whoever was faster: the first is the default of the command line.
  return { ...report, orgKeys: Object.fromEntries(keys) };
}

type Ending = 'succeeded' | 'expectedFailures' | 'unexpected';
type Tell = (line: string, ending?: Ending) => void;

function count(report: Omit<ExamplesReport, 'orgKeys'>, ending: Ending, elapsedMs: number): void {
  report.runs += 1;
  report[ending] += 1;
  if (report.firstRunMs === 0 && ending === 'succeeded') report.firstRunMs = Math.round(elapsedMs);
}

function bundleExample(agent: string): Promise<AgentBundle> {
  const bundling = bundleAgent({ file: fileURLToPath(new URL(`../agents/${agent}/agent.ts`, import.meta.url)) });
  // Each run of the agent meets the failure; unobserved until then, it would end the process.
  bundling.catch(() => undefined);
  return bundling;
}

/** Makes the organization unless it is there, and a new key of it. */
async function prepareOrganization({ apiUrl, adminKey }: ExamplesOptions, org: ExampleOrganization): Promise<string> {
  const admin = createClient({ baseUrl: apiUrl, apiKey: adminKey });
  await admin.organizations.create({ id: org }).catch((error: unknown) => {
    if (errorCodeOf(error) !== 'ALREADY_EXISTS') throw error;
  });
  const { secret } = await admin.keys.create({ orgId: org, name: 'examples' });
  return secret;
}

/** Every agent is on its way at once; a run waits for its own agent only. */
function deployAll(client: BullpenClient, bundles: ReadonlyMap<string, Promise<AgentBundle>>): Map<string, Promise<unknown>> {
  return new Map([...bundles].map(([agent, bundling]) => {
    const deployed = bundling.then(({ manifest, bundle, sha256 }) => client.agents.deploy(agent, { manifest, bundle, sha256 }));
    deployed.catch(() => undefined);
    return [agent, deployed];
  }));
}

async function runAll(org: ExampleOrganization, client: BullpenClient, deployed: ReadonlyMap<string, Promise<unknown>>, tell: Tell): Promise<void> {
  await Promise.all(scenariosOf(org).map(async (scenario) => {
    const label = `${org.padEnd(7)} ${scenario.agent.padEnd(17)} ${scenario.subject.padEnd(26)}`;
    try {
      await deployed.get(scenario.agent);
      const run = await runToEnd(client, scenario);
      const { ending, facts } = judge(scenario, run);
      tell(`${label} ${run.tier.padEnd(9)} ${run.state.padEnd(14)} ${facts}`, ending);
    } catch (error) {
      tell(`${label} ${''.padEnd(9)} ${'unexpected'.padEnd(14)} ${messageOf(error)}`, 'unexpected');
    }
  }));
}

async function runToEnd(client: BullpenClient, scenario: Scenario): Promise<RunOf<unknown>> {
  const { id } = await client.runs.create({ agent: scenario.agent, input: scenario.input, ...scenario.limits, metadata: { example: scenario.subject } });
  if (scenario.cancelAfterEvents !== undefined) await cancelAfter(client, id, scenario.cancelAfterEvents);
  return client.runs.wait(id);
}

async function cancelAfter(client: BullpenClient, runId: string, events: number): Promise<void> {
  let seen = 0;
  for await (const item of client.runs.events(runId)) {
    if (item.kind === 'event' && item.event.type === 'emit') seen += 1;
    if (seen >= events) break;
  }
  await client.runs.cancel(runId);
}

function judge(scenario: Scenario, run: RunOf<unknown>): { ending: Ending; facts: string } {
  const { state, errorCode } = scenario.expect;
  const tookMs = run.usage === null ? '' : `${Math.round(run.usage.wallMs)} ms  `;
  if (run.state !== state || (errorCode !== undefined && run.error?.code !== errorCode)) {
    const ended = run.error === null ? run.state : `${run.state} (${run.error.code}: ${run.error.message})`;
    return { ending: 'unexpected', facts: `${tookMs}UNEXPECTED: ${ended} instead of ${state}` };
  }
  if (state !== 'succeeded') return { ending: 'expectedFailures', facts: `${tookMs}${run.error?.code ?? ''}, as it should` };
  try {
    return { ending: 'succeeded', facts: `${tookMs}${scenario.describe?.(run) ?? ''}` };
  } catch (error) {
    return { ending: 'unexpected', facts: `${tookMs}UNEXPECTED result: ${messageOf(error)}` };
  }
}
