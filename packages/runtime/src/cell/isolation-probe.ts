import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { DEFAULT_RUN_LIMITS, TIERS, messageOf, type Clock, type IsolationReport } from '@bullpen/core';

import { within } from '../bounded-wait.ts';
import { CellProcess } from './cell-process.ts';
import { findProgram } from './programs.ts';
import { CELL_ACCOUNT, Wall, type CellAccount } from './wall.ts';

/**
 * Finds out what this machine can enforce, by trying it. Guarantees: a wall is returned only after a cell behind it has
 * shown, to /proc outside and by its own attempts inside, that every part of it stands; else strict is not built, and
 * the report says what was missing.
 */
export interface Probed {
  readonly report: IsolationReport;
  /** Null where strict cannot be built here. */
  readonly wall: Wall | null;
}

type Probe = IsolationReport['probes'][number];
type Case = IsolationReport['tiers'][number]['cases'][number];

const SELF_TEST_MS = 10_000;
const SELF_TEST = join(import.meta.dirname, '..', 'container', 'self-test-agent.mjs');
const NAMESPACES = ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'mnt'];
const TARGETS = {
  basic: 'a thread per container, never shared by organizations',
  enhanced: 'a process per organization',
  strict: 'a single-use process per run: namespaces, system call filter, kernel limits, permission model',
} as const;
const execFileAsync = promisify(execFile);

export async function probeIsolation(clock: Clock, egressDir: string | null): Promise<Probed> {
  const probes: Probe[] = [];
  const note = (name: string, works: boolean, detail: string) => void probes.push({ name, works, detail });
  const programs = await findPrograms(note);
  noteMemoryCgroup(note);
  const built = programs === null ? null : await buildWall({ programs, egressDir }, note);
  const cases = built?.cases ?? [];
  const report: IsolationReport = {
    at: new Date(clock.nowMs()).toISOString(),
    probes,
    tiers: TIERS.map((tier) => {
      const isBuilt = tier === 'basic' || (tier === 'strict' && built !== null);
      return { tier, isBuilt, target: TARGETS[tier], achieved: isBuilt ? TARGETS[tier] : 'nothing: runs of this tier are refused', cases: tier === 'strict' ? cases : [] };
    }),
  };
  return { report, wall: built?.wall ?? null };
}

type Note = (name: string, works: boolean, detail: string) => void;

async function findPrograms(note: Note): Promise<Wall['programs'] | null> {
  const isLinux = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
  note('platform', isLinux, `${process.platform} ${process.arch}`);
  if (!isLinux) return null;
  const bwrap = findProgram('bwrap');
  const prlimit = findProgram('prlimit');
  note('bubblewrap', bwrap !== null, bwrap === null ? 'not found' : (await execFileAsync(bwrap, ['--version'])).stdout.trim());
  note('prlimit', prlimit !== null, prlimit ?? 'not found');
  return bwrap === null || prlimit === null ? null : { bwrap, prlimit };
}

/** The first account under which the whole wall stands: one of its own where the worker is root, else the worker's. */
async function buildWall(parts: { programs: Wall['programs']; egressDir: string | null }, note: Note): Promise<{ wall: Wall; cases: Case[] } | null> {
  const accounts: CellAccount[] = process.getuid?.() === 0 ? [CELL_ACCOUNT, null] : [null];
  for (const account of accounts) {
    const name = account === null ? 'wall, as the account of the worker' : `wall, as uid ${account.uid}`;
    const wall = new Wall({ ...parts, account });
    try {
      const cases = await testWall(wall);
      const broken = cases.filter(({ passed }) => !passed).map((one) => one.name);
      note(name, broken.length === 0, broken.length === 0 ? `${cases.length} cases held` : `did not hold: ${broken.join(', ')}`);
      if (broken.length === 0) return { wall, cases };
    } catch (error) {
      note(name, false, messageOf(error));
    }
    wall.remove();
  }
  return null;
}

async function testWall(wall: Wall): Promise<Case[]> {
  const cell = new CellProcess({ wall, limitMb: DEFAULT_RUN_LIMITS.memoryMb });
  try {
    await cell.start();
    const outside = seenFromOutside(cell.pid ?? 0);
    const inside = await within(runSelfTest(cell), SELF_TEST_MS, 'the self-test did not end');
    return [...outside, ...inside];
  } finally {
    cell.kill();
    await cell.gone;
  }
}

/** What the kernel says of a running cell. */
function seenFromOutside(pid: number): Case[] {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const holds = (name: string, passed: boolean): Case => ({ name, passed });
  return [
    ...NAMESPACES.map((namespace) => holds(`has a ${namespace} namespace of its own`, namespaceOf(pid, namespace) !== namespaceOf('self', namespace))),
    holds('runs behind a system call filter', /^Seccomp:\s+2$/m.test(status)),
    holds('can gain no privileges', /^NoNewPrivs:\s+1$/m.test(status)),
    holds('has no capability', /^CapEff:\s+0+$/m.test(status) && /^CapBnd:\s+0+$/m.test(status)),
    holds('is limited in memory', /^Max data size\s+\d+/m.test(limits)),
    holds('is limited in processes and files', /^Max processes\s+64\s/m.test(limits) && /^Max open files\s+128\s/m.test(limits)),
  ];
}

function namespaceOf(pid: number | 'self', namespace: string): string {
  return readlinkSync(`/proc/${pid}/ns/${namespace}`);
}

function runSelfTest(cell: CellProcess): Promise<Case[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Case[]>();
  void cell.gone.then(({ lastWords }) => reject(new Error(`the cell died in the self-test: ${lastWords}`)));
  const run = { id: 'self-test', orgId: 'bullpen', agent: 'self-test', version: 1, metadata: {} };
  cell.run(SELF_TEST, { attemptNo: 1, bundleUrl: 'file:///bundle/bundle.mjs', inputJson: 'null', deadline: 0, attempt: 1, run }, {
    onFrame(frame) {
      if (frame.kind !== 'reply') return;
      const { kind, result } = frame.reply as { kind: string; result?: Record<string, unknown> };
      if (kind === 'returned' && result !== undefined) resolve(Object.entries(result).map(([name, passed]) => ({ name, passed: passed === true })));
      else reject(new Error(`the self-test failed: ${JSON.stringify(frame.reply)}`));
    },
    onViolation: reject,
  });
  return promise;
}

/** Found and told; what holds the memory of a cell is RLIMIT_DATA and the readings of /proc. */
function noteMemoryCgroup(note: Note): void {
  const dirs = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'];
  const dir = dirs.find((one) => existsSync(join(one, one.endsWith('memory') ? 'memory.limit_in_bytes' : 'cgroup.controllers')));
  if (dir === undefined) return note('memory cgroup', false, 'none is mounted');
  try {
    accessSync(dir, constants.W_OK);
    note('memory cgroup', true, `${dir} is writable; not used by this version`);
  } catch {
    note('memory cgroup', false, `${dir} is not writable`);
  }
}
