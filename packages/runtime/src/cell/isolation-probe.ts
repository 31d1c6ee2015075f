import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { TIERS, messageOf, type Clock, type IsolationReport, type Tier } from '@bullpen/core';

import { removeLeftCellDirs } from './cell-dir.ts';
import { CELL_ACCOUNT, type CellAccount, type CellWall } from './cell-wall.ts';
import { cpuCgroups } from './cpu-shares.ts';
import type { Launcher } from './launcher.ts';
import { memoryCgroupDir, removeLeftCgroups } from './memory-cgroup.ts';
import { PlainWall } from './plain-wall.ts';
import { findProgram, type WallPrograms } from './programs.ts';
import { testOrganizationCell, testPlainCell, testSingleUseCell, type Case } from './self-tests.ts';
import { Wall } from './wall.ts';

/**
 * Finds out what this machine can enforce, by trying it. Guarantees: a wall is returned only after a cell behind it has
 * shown, to /proc outside and by its own attempts inside, that every part of it stands. Else strict is not built; enhanced
 * is built with less around its processes; and the report says what was missing.
 */
export interface Probed {
  readonly report: IsolationReport;
  /** Null where strict cannot be built here, or was not asked for. */
  readonly strict: CellWall | null;
  /** Null where no process can be started, or it was not asked for. */
  readonly enhanced: CellWall | null;
}

type Probe = IsolationReport['probes'][number];
type TierReport = IsolationReport['tiers'][number];
type Note = (name: string, works: boolean, detail: string) => void;
/** A wall, what it came to in words, and what was tried. */
interface Built {
  readonly wall: CellWall;
  readonly achieved: string;
  readonly cases: Case[];
}

const TARGETS: Record<Tier, string> = {
  basic: 'a thread per container, never shared by organizations',
  enhanced: 'a process per organization: namespaces, system call filter, kernel limits; a thread per container',
  strict: 'a single-use process per run: namespaces, system call filter, kernel limits, permission model',
};
const NOTHING = 'nothing: runs of this tier are refused';
const execFileAsync = promisify(execFile);

export interface ProbeOptions {
  /** Starts the cells, those that are tried as well. */
  readonly launcher: Launcher;
  readonly clock: Clock;
  /** Tiers to try; the others are reported as not built. */
  readonly wanted: readonly Tier[];
  /** False: as on a machine that has none. */
  readonly namespaces: boolean;
  /** Holds the socket of the egress proxy; null: cells see none. */
  readonly egressDir: string | null;
}

export async function probeIsolation({ launcher, clock, wanted, namespaces, egressDir }: ProbeOptions): Promise<Probed> {
  const probes: Probe[] = [];
  const note: Note = (name, works, detail) => void probes.push({ name, works, detail });
  removeLeftCellDirs();
  removeLeftCgroups(memoryCgroupDir());
  removeLeftCgroups(cpuCgroups()?.dir ?? null);
  const programs = namespaces ? await findPrograms(note) : null;
  if (!namespaces) note('namespaces', false, 'not asked for');
  const cgroup = memoryCgroupDir();
  note('memory cgroup', cgroup !== null, cgroup ?? 'none that is writable');
  const cpu = cpuCgroups();
  note('cpu cgroup', cpu !== null, cpu === null ? 'none that is writable: cells compete for the cores one by one' : `${cpu.dir}, version ${cpu.version}: ${cpu.version === 1 ? 'by organization' : 'by cell'}`);
  const strict = programs !== null && wanted.includes('strict') ? await buildWall('strict', { launcher, programs, egressDir }, note) : null;
  const walled = programs !== null && wanted.includes('enhanced') ? await buildWall('enhanced', { launcher, programs, egressDir }, note) : null;
  const enhanced = walled ?? (wanted.includes('enhanced') ? await buildPlain(launcher, note) : null);
  const built = { basic: wanted.includes('basic') ? { achieved: TARGETS.basic, cases: [] } : null, enhanced, strict };
  const report = { at: new Date(clock.nowMs()).toISOString(), probes, tiers: TIERS.map((tier) => tierReport(tier, built[tier])) };
  return { report, strict: strict?.wall ?? null, enhanced: enhanced?.wall ?? null };
}

function tierReport(tier: Tier, built: Pick<Built, 'achieved' | 'cases'> | null): TierReport {
  return { tier, isBuilt: built !== null, target: TARGETS[tier], achieved: built?.achieved ?? NOTHING, cases: built?.cases ?? [] };
}

async function findPrograms(note: Note): Promise<WallPrograms | null> {
  const isLinux = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
  note('platform', isLinux, `${process.platform} ${process.arch}`);
  if (!isLinux) return null;
  const bwrap = findProgram('bwrap');
  const prlimit = findProgram('prlimit');
  note('bubblewrap', bwrap !== null, bwrap === null ? 'not found' : (await execFileAsync(bwrap, ['--version'])).stdout.trim());
  note('prlimit', prlimit !== null, prlimit ?? 'not found');
  return bwrap === null || prlimit === null ? null : { bwrap, prlimit };
}

/** As root an account of its own first: a hole in the wall is then not root's. */
function accountsToTry(): CellAccount[] {
  return process.getuid?.() === 0 ? [CELL_ACCOUNT, null] : [null];
}

const nameOf = (account: CellAccount) => (account === null ? 'as the account of the worker' : `as uid ${account.uid}`);

/** The first account under which the whole wall stands. */
async function buildWall(tier: 'enhanced' | 'strict', parts: { launcher: Launcher; programs: WallPrograms; egressDir: string | null }, note: Note): Promise<Built | null> {
  const test = tier === 'strict' ? testSingleUseCell : testOrganizationCell;
  for (const account of accountsToTry()) {
    const wall = new Wall({ ...parts, account });
    const cases = await tried(`wall of ${tier}, ${nameOf(account)}`, note, () => test(wall));
    if (cases !== null) return { wall, achieved: TARGETS[tier], cases };
    wall.remove();
  }
  return null;
}

/** What is left for enhanced without namespaces. */
async function buildPlain(launcher: Launcher, note: Note): Promise<Built | null> {
  for (const account of accountsToTry()) {
    const wall = new PlainWall({ launcher, account, prlimit: process.platform === 'linux' ? findProgram('prlimit') : null });
    const cases = await tried(`process without a wall, ${account === null ? nameOf(account) : 'with a uid of its own'}`, note, () => testPlainCell(wall));
    const whose = account === null ? 'as the account of the worker: each may reach into every other' : 'each with a uid of its own';
    if (cases !== null) return { wall, achieved: `a process per organization, ${whose}; no namespaces: files and network are the machine's`, cases };
    wall.remove();
  }
  return null;
}

/** A cell that did not start in time on a busy machine says nothing of its wall: it gets a second chance. */
async function tried(name: string, note: Note, test: () => Promise<Case[]>): Promise<Case[] | null> {
  try {
    const cases = await test().catch(test);
    const broken = cases.filter(({ passed }) => !passed).map((one) => one.name);
    note(name, broken.length === 0, broken.length === 0 ? `${cases.length} cases held` : `did not hold: ${broken.join(', ')}`);
    return broken.length === 0 ? cases : null;
  } catch (error) {
    note(name, false, messageOf(error));
    return null;
  }
}
