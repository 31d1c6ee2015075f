import { existsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import { BullpenError, type Deployment } from '@bullpen/core';
import type { BullpenClient, DeployedVersion } from '@bullpen/sdk';

import { nextCommand, type CommandAction, type Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { showProgress } from '../progress.ts';
import { bytesText, durationText } from '../text-format.ts';

export interface DeployOptions {
  name?: string;
  sourcemap?: boolean;
  to?: string;
  canary?: number;
  canaryFor?: string[];
}

/** A version that was uploaded, and the deployment that was pointed at it. */
interface Deployed {
  file: string;
  deployed: DeployedVersion;
  deployment: Deployment | null;
}

const ENTRY_NAMES = ['agent.ts', 'agent.mts', 'agent.js', 'agent.mjs'];
/** Of the steps of one agent: bundled, loaded and uploaded; pointed at. */
const UPLOADED = 0.8;

/**
 * `bullpen deploy [files...]`: bundles agents and uploads each as a new version, unless the newest is the same. Without
 * files those that `bullpen.config.ts` names, else the agent of this folder.
 */
export const deployCommand: CommandAction<DeployOptions> = async (invocation, ...given) => {
  const { options, output } = invocation;
  const { to, name } = wanted(invocation);
  const files = entriesOf(invocation, given);
  if (isCanary(options) && to === undefined) throw new BullpenError('INVALID_REQUEST', '--canary and --canary-for go with --to: say which deployment gets it');
  if (name !== undefined && files.length > 1) throw new BullpenError('INVALID_REQUEST', `--name goes with one agent, and these are ${files.length}`);
  const client = invocation.client();
  const done: Deployed[] = [];
  for (const [i, file] of files.entries()) {
    const progress = (share: number, doing: string): void => showProgress(output, (i + share) / files.length, doing);
    done.push(await deployOne(invocation, client, file, progress));
    output.live(null);
    if (options.json !== true) showVersion(invocation, done.at(-1)!);
  }
  if (options.json === true) output.json(given.length > 1 || files.length > 1 ? { deployed: done.map(answerOf) } : answerOf(done[0]!));
  return EXIT.ok;
};

const isCanary = ({ canary, canaryFor }: DeployOptions): boolean => canary !== undefined || canaryFor !== undefined;

/** Flags win over the folder's config. */
function wanted({ options, project }: Invocation<DeployOptions>): DeployOptions & { sourcemap: boolean } {
  const config = project()?.deploy ?? {};
  const to = options.to ?? config.to;
  // Commander says true where --no-sourcemap is left out.
  return { ...options, ...(to === undefined ? {} : { to }), sourcemap: options.sourcemap === false ? false : config.sourcemap ?? true };
}

const answerOf = ({ deployed, deployment }: Deployed): object => ({ created: deployed.created, ...deployed.version, ...(deployment === null ? {} : { deployment }) });

async function deployOne(invocation: Invocation<DeployOptions>, client: BullpenClient, file: string, progress: (share: number, doing: string) => void): Promise<Deployed> {
  const { deps } = invocation;
  const { to, name: given, sourcemap } = wanted(invocation);
  progress(0, `bundling ${relative(deps.cwd, file)}`);
  // Loaded here: the bundler costs more than any other command takes.
  const { bundleAgent } = await import('../agent-bundle.ts');
  const { name, manifest, bundle, sha256 } = await bundleAgent({ file, name: given, sourcemap });
  progress(0.5, `uploading ${name}, ${bytesText(Buffer.byteLength(bundle))}`);
  const deployed = await client.agents.deploy(name, { manifest, bundle, sha256 }, { signal: deps.interrupted });
  progress(UPLOADED, `pointing at ${name} v${deployed.version.version}`);
  const deployment = to === undefined ? null : await pointAt(invocation, client, deployed.version, to);
  return { file, deployed, deployment };
}

/** The whole deployment, or a canary beside what is stable there. */
async function pointAt({ deps, options }: Invocation<DeployOptions>, client: BullpenClient, { agent, version }: DeployedVersion['version'], to: string): Promise<Deployment> {
  const call = { signal: deps.interrupted };
  if (!isCanary(options)) return client.deployments.put(agent, to, { version }, call);
  const { version: stable } = await client.deployments.get(agent, to, call).catch((error: unknown) => {
    if (!(error instanceof BullpenError) || error.code !== 'NOT_FOUND') throw error;
    const missing = `${agent} v${version} is uploaded, but there is no deployment ${to} for a canary to stand beside`;
    throw new BullpenError('NOT_FOUND', `${missing}: make it first, with --to ${to} and without --canary`, error.facts, { cause: error });
  });
  return client.deployments.put(agent, to, { version: stable, canary: { version, percent: options.canary ?? 0, fairnessKeys: options.canaryFor ?? [] } }, call);
}

function entriesOf({ deps, project }: Invocation, given: readonly string[]): string[] {
  if (given.length > 0) return given.map((path) => findEntry(resolve(deps.cwd, path)));
  const config = project();
  if (config?.agents !== undefined && config.agents.length > 0) return config.agents.map((path) => findEntry(resolve(config.dir, path)));
  return [findEntry(deps.cwd)];
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

function showVersion({ output, deps, options }: Invocation, { file, deployed: { version, created }, deployment }: Deployed): void {
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
  if (canary?.version !== version) return `the runs of ${name}`;
  const chosen = canary.fairnessKeys.length === 0 ? '' : ` and those of ${canary.fairnessKeys.join(', ')}`;
  return `${canary.percent} % of the runs of ${name}${chosen}`;
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
