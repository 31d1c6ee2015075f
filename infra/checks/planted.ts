import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { CHECKOUT_DIR } from '../local/data-dir.ts';
import { runEslint } from './lint.ts';
import { PLANTED_FAULTS, SOUND_FILES, type PlantedFault } from './planted-faults.ts';
import type { Step } from './step.ts';
import { findEmptyNames, runCruiser } from './structure.ts';
import { runNode } from './tool.ts';

/** What a tool reported: which rule in which file. */
type Reported = readonly { readonly rule: string; readonly file: string }[];

/** A check that cannot fail shows nothing: every planted fault must be found, by the rule that is there for it. */
export const plantedStep: Step = {
  name: 'planted',
  title: 'the checks find what was planted for them',
  async run() {
    const house = realpathSync(mkdtempSync(path.join(tmpdir(), 'bullpen-planted-')));
    try {
      for (const { file, text } of PLANTED_FAULTS) plant(house, file, text);
      for (const [file, text] of Object.entries(SOUND_FILES)) plant(house, file, text);
      const reports = await inspect(house);
      const missed = PLANTED_FAULTS.filter((fault) => !isReported(fault, reports[fault.tool]));
      return {
        passed: PLANTED_FAULTS.length - missed.length,
        failures: missed.map((fault) => ({
          name: `${fault.rule} was not found in ${fault.file}`,
          detail: `${fault.tool} reported for this file: ${reports[fault.tool].filter((each) => each.file.includes(fault.file)).map((each) => each.rule).join(', ') || 'nothing'}`,
        })),
      };
    } finally {
      rmSync(house, { recursive: true, force: true });
    }
  },
};

function plant(house: string, file: string, text: string): void {
  mkdirSync(path.dirname(path.join(house, file)), { recursive: true });
  writeFileSync(path.join(house, file), `${text}\n`);
}

async function inspect(house: string): Promise<Record<PlantedFault['tool'], Reported>> {
  const [linted, cruised, typed] = await Promise.all([runEslint(house, []), runCruiser(house), runTsc(house)]);
  if ('crash' in linted) throw new Error(`ESLint did not run over the planted house: ${linted.crash}`);
  if ('crash' in cruised) throw new Error(`dependency-cruiser did not run over the planted house: ${cruised.crash}`);
  return {
    eslint: linted.findings,
    'dependency-cruiser': cruised.findings.map(({ rule, from, to }) => ({ rule, file: `${from} -> ${to}` })),
    tsc: typed,
    names: findEmptyNames(house).map((file) => ({ rule: 'room-name', file })),
  };
}

async function runTsc(house: string): Promise<Reported> {
  const ran = await runNode([path.join(CHECKOUT_DIR, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.', '--pretty', 'false'], { cwd: house });
  return [...ran.stdout.matchAll(/^(\S+?)\(\d+,\d+\): error (TS\d+)/gm)].map(([, file = '', rule = '']) => ({ rule, file }));
}

function isReported(fault: PlantedFault, reported: Reported): boolean {
  return reported.some((each) => each.rule === fault.rule && each.file.includes(fault.file));
}
