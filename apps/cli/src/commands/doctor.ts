import type { DoctorReport, IsolationReport, WorkerSnapshot } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless, type Output } from '../output.ts';

export interface DoctorOptions {
  checkOnly?: boolean;
  isolation?: boolean;
  here?: boolean;
}

/** `bullpen doctor`: 0 where all is sound now, 1 where a fault is still there. */
export const doctorCommand: CommandAction<DoctorOptions> = async (invocation) => {
  if (invocation.options.isolation === true) return isolation(invocation);
  const { output, options, deps, adminClient } = invocation;
  const report = await adminClient().admin.doctor({ repair: options.checkOnly !== true, signal: deps.interrupted });
  if (options.json === true) output.json(report);
  else for (const line of reportLines(report, output.paint)) output.result(line);
  return report.isSound ? EXIT.ok : EXIT.runFailed;
};

function reportLines(report: DoctorReport, paint: Output['paint']): string[] {
  const compared = `compared ${report.rows} runs that have not ended with ${report.jobs} jobs of ${report.organizations} organizations in ${report.tookMs} ms`;
  const lines = report.findings.flatMap(({ name, meaning, found, repaired, examples }) => {
    if (found === 0) return [`${paint.green('ok')}     ${name}`];
    const mark = repaired === found ? paint.yellow('mended') : name === 'worker_gone' ? paint.yellow('wait  ') : paint.red('fault ');
    const shown = examples.map((one) => paint.dim(`         ${one.orgId}  ${one.runId}  ${harmless(one.detail)}`));
    return [`${mark} ${name}: ${found} found, ${repaired} repaired`, `       ${meaning}`, ...shown];
  });
  const mended = report.findings.some(({ repaired }) => repaired > 0);
  const last = report.isSound ? `${paint.green('sound')}: no run is lost, duplicated or leaked${mended ? ' any more' : ''}` : paint.red('faults are still there');
  return [compared, ...lines, last];
}

async function isolation(invocation: Invocation<DoctorOptions>): Promise<number> {
  const { output, options, deps } = invocation;
  const machines = options.here === true
    ? [{ name: `this machine, ${process.platform} ${process.arch}`, platform: process.platform, report: await deps.probe() }]
    : (await invocation.adminClient().admin.status({ signal: deps.interrupted })).workers.map(machineOf);
  if (options.json === true) output.json(machines);
  else for (const line of machines.flatMap((machine) => machineLines(machine, output.paint))) output.result(line);
  if (machines.length === 0) output.note('no worker is connected; try this machine with --here');
  return machines.every(({ report }) => report !== null && report.tiers.every(({ cases }) => cases.every(({ passed }) => passed))) ? EXIT.ok : EXIT.runFailed;
}

interface Machine {
  name: string;
  platform: string;
  report: IsolationReport | null;
}

function machineOf({ id, host, platform, isolation: report }: WorkerSnapshot): Machine {
  return { name: `${host}, ${platform}, ${id}`, platform, report: report ?? null };
}

function machineLines({ name, platform, report }: Machine, paint: Output['paint']): string[] {
  const head = paint.bold(harmless(name));
  if (report === null) return [head, '  has not told what it can enforce'];
  const warning = platform.startsWith('linux') ? [] : [paint.yellow('  for development only: no wall against hostile code stands on this system')];
  const tiers = report.tiers.flatMap((tier) => {
    const mark = tier.isBuilt ? (tier.achieved === tier.target ? paint.green('at target') : paint.yellow('weaker   ')) : paint.red('refused  ');
    const held = tier.cases.filter(({ passed }) => passed).length;
    const tried = tier.cases.length === 0 ? [] : [`             ${held} of ${tier.cases.length} cases held`];
    const failed = tier.cases.filter(({ passed }) => !passed).map((one) => paint.red(`             did not hold: ${harmless(one.name)}`));
    return [`  ${mark}  ${tier.tier}: ${harmless(tier.achieved)}`, ...(tier.achieved === tier.target ? [] : [`             target: ${harmless(tier.target)}`]), ...tried, ...failed];
  });
  const probes = report.probes.map((probe) => `  ${probe.works ? paint.green('found    ') : paint.yellow('missing  ')}  ${harmless(probe.name)}: ${harmless(probe.detail)}`);
  return [head, `  tried ${report.at}`, ...warning, ...tiers, ...probes];
}
