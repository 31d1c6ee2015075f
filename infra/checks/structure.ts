import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { checkResult, type Failure, type Step } from './step.ts';
import { lintTool, runNode } from './tool.ts';

/** The rooms whose imports are checked. */
const ROOMS = ['packages', 'apps', 'infra', 'examples', 'test'];

/** Names that say nothing about what is inside. */
const EMPTY_NAMES = /^(utils?|helpers?|common|misc|shared|stuff|lib)$/i;
const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.bullpen', '.turbo', 'coverage', 'fixtures']);

interface CruiseReport {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
      readonly cycle?: readonly { readonly name: string }[];
      readonly comment?: string;
    }[];
    readonly totalCruised: number;
  };
}

/** An import that the house forbids. */
export interface StructureFinding {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export const structureStep: Step = {
  name: 'structure',
  title: 'dependency-cruiser: import direction, cycles, package faces, dead files; names of rooms',
  async run() {
    const cruised = await runCruiser(CHECKOUT_DIR);
    if ('crash' in cruised) return checkResult('dependency-cruiser did not run', cruised.crash);
    const failures = [
      ...cruised.findings.map((finding): Failure => ({ name: finding.rule, detail: `${finding.from} -> ${finding.to}` })),
      ...findEmptyNames(CHECKOUT_DIR).map((file): Failure => ({ name: 'room-name', detail: `${file}: name what is inside` })),
    ];
    return { passed: failures.length === 0 ? 1 : 0, failures, note: `${cruised.fileCount} files` };
  },
};

/** Runs dependency-cruiser with the house's rules over a folder that is laid out like the house. */
export async function runCruiser(rootDir: string): Promise<{ findings: StructureFinding[]; fileCount: number } | { crash: string }> {
  const config = path.join(CHECKOUT_DIR, 'infra', 'lint', 'dependency-cruiser.config.mjs');
  const rooms = ROOMS.filter((room) => existsSync(path.join(rootDir, room)));
  const cruiser = lintTool('dependency-cruiser/bin/dependency-cruiser.mjs');
  const ran = await runNode([cruiser, '--config', config, '--output-type', 'json', ...rooms], { cwd: rootDir });
  try {
    const { summary } = JSON.parse(ran.stdout) as CruiseReport;
    const findings = summary.violations.map((violation): StructureFinding => ({
      rule: violation.rule.name,
      from: violation.from,
      to: violation.cycle ? violation.cycle.map((file) => file.name).join(' -> ') : violation.to,
    }));
    return { findings, fileCount: summary.totalCruised };
  } catch {
    return { crash: `${ran.stdout}${ran.stderr}`.slice(-4000) };
  }
}

/** Files and folders, below `rootDir`, whose names are drawers for anything. */
export function findEmptyNames(rootDir: string, below = ''): string[] {
  return readdirSync(path.join(rootDir, below), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const relative = path.join(below, entry.name);
    const found = EMPTY_NAMES.test(entry.name.replace(/(\.test)?\.[a-z]+$/, '')) ? [relative] : [];
    return entry.isDirectory() ? [...found, ...findEmptyNames(rootDir, relative)] : found;
  });
}
