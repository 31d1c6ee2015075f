import { existsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import { BullpenError, type Deployment } from '@bullpen/core';
import type { BullpenClient, DeployedVersion } from '@bullpen/sdk';

import { nextCommand, type CommandAction, type Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { bytesText, durationText } from '../text-format.ts';

export interface DeployOptions {
  name?: string;
  sourcemap?: boolean;
  to?: string;
  canary?: number;
}

const ENTRY_NAMES = ['agent.ts', 'agent.mts', 'agent.js', 'agent.mjs'];

/** `bullpen deploy [file]`: bundles an agent and uploads it as a new version, unless the newest is the same. */
export const deployCommand: CommandAction<DeployOptions> = async (invocation, given) => {
  const { deps, options, output } = invocation;
  const file = findEntry(resolve(deps.cwd, given ?? '.'));
  const client = invocation.client();
  // Loaded here: the bundler costs more than any other command takes.
  const { bundleAgent } = await import('../agent-bundle.ts');
  const { name, manifest, bundle, sha256 } = await bundleAgent({ file, name: options.name, sourcemap: options.sourcemap ?? true });
  if (options.canary !== undefined && options.to === undefined) throw new BullpenError('INVALID_REQUEST', '--canary goes with --to: say which deployment gets it');
  const deployed = await client.agents.deploy(name, { manifest, bundle, sha256 }, { signal: deps.interrupted });
  const deployment = options.to === undefined ? null : await pointAt(invocation, client, deployed.version, options.to);
  if (options.json === true) output.json({ created: deployed.created, ...deployed.version, ...(deployment === null ? {} : { deployment }) });
  else showVersion(invocation, deployed, file, deployment);
  return EXIT.ok;
};

/** The whole deployment, or a canary beside what is stable there. */
async function pointAt({ deps, options }: Invocation<DeployOptions>, client: BullpenClient, { agent, version }: DeployedVersion['version'], to: string): Promise<Deployment> {
  const call = { signal: deps.interrupted };
  if (options.canary === undefined) return client.deployments.put(agent, to, { version }, call);
  const { version: stable } = await client.deployments.get(agent, to, call);
  return client.deployments.put(agent, to, { version: stable, canary: { version, percent: options.canary } }, call);
}

/** A file as it is, or the agent of a folder. */
function findEntry(path: string): string {
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const candidates = isFolder ? ENTRY_NAMES.map((name) => join(path, name)) : [path];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  const what = isFolder ? `no agent.ts in ${path}` : `no file ${path}`;
  throw new BullpenError('NOT_FOUND', `${what}: name the agent's file, or write one with \`npx bullpen init\``, { path });
}

function showVersion({ output, deps, options }: Invocation, { version, created }: DeployedVersion, file: string, deployment: Deployment | null): void {
  const { paint } = output;
  const title = paint.bold(`${version.agent} v${version.version}`);
  output.result(created ? `${paint.green('✔')} ${title} is deployed in ${version.orgId}` : `${paint.dim('=')} ${title} in ${version.orgId} is unchanged`);
  const facts = [
    ['file', relative(deps.cwd, file)], ['sha256', version.sha256], ['size', bytesText(version.bundleBytes)], ['asks for', manifestText(version.manifest)],
  ] as const;
  for (const [label, value] of facts) output.result(`  ${paint.dim(label.padEnd(8))}  ${value}`);
  if (deployment !== null) output.result(`  ${paint.dim('takes'.padEnd(8))}  ${trafficText(deployment, version.version)}`);
  output.note(paint.dim(`next: ${nextCommand(options, `run ${version.agent}`)}`));
}

function trafficText({ name, canary }: Deployment, version: number): string {
  return canary?.version === version ? `${canary.percent} % of the runs of ${name}` : `the runs of ${name}`;
}

function manifestText(manifest: DeployedVersion['version']['manifest']): string {
  const { tier, timeoutMs, memoryMb, maxAttempts } = manifest;
  const parts = [
    tier === undefined ? [] : [`tier ${tier}`],
    timeoutMs === undefined ? [] : [`at most ${durationText(timeoutMs)}`],
    memoryMb === undefined ? [] : [`${memoryMb} MB`],
    maxAttempts === undefined ? [] : [`${maxAttempts} attempts`],
  ].flat();
  return parts.length === 0 ? 'the defaults' : parts.join(', ');
}
