import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { DEFAULT_RUN_LIMITS, type IsolationReport } from '@bullpen/core';

import { within } from '../bounded-wait.ts';
import type { EngineTask } from '../engine.ts';
import type { CellWall } from './cell-wall.ts';
import { strangeMounts } from './mount-check.ts';
import { OrganizationCell } from './organization-cell.ts';
import { statField } from './process-readings.ts';
import { SingleUseCell } from './single-use-cell.ts';

/** What a worker tries of each kind of cell when it starts: each case is true where the wall held. */
export type Case = IsolationReport['tiers'][number]['cases'][number];

const SELF_TEST_MS = 10_000;
const SELF_TEST = join(import.meta.dirname, '..', 'container', 'self-test-agent.mjs');
const NAMESPACES = ['user', 'pid', 'net', 'ipc', 'uts', 'cgroup', 'mnt'];
/** Of /proc/PID/stat. */
const SESSION_FIELD = 6;
const TASK: EngineTask = {
  attemptNo: 1, bundleUrl: '', inputJson: 'null', deadline: 0, attempt: 1,
  run: { id: 'self-test', orgId: 'bullpen', agent: 'self-test', version: 1, metadata: {} },
};

/** Tier strict. @throws where a cell cannot be had. */
export async function testSingleUseCell(wall: CellWall): Promise<Case[]> {
  const cell = new SingleUseCell({ wall, limitMb: DEFAULT_RUN_LIMITS.memoryMb, purpose: 'spare' });
  try {
    await cell.start();
    const outside = [...seenFromOutside(cell.pid ?? 0), limitedTo(cell.pid ?? 0, { processes: 64, files: 128 })];
    const inside = await within(selfTestIn(cell), SELF_TEST_MS, 'the self-test did not end');
    return [...outside, ...inside];
  } finally {
    cell.kill();
    await cell.gone;
  }
}

/** Tier enhanced behind its whole wall. @throws where a cell cannot be had. */
export function testOrganizationCell(wall: CellWall): Promise<Case[]> {
  return inOrganizationCell(wall, (pid, inside) => [
    ...seenFromOutside(pid), limitedTo(pid, { processes: 1088, files: 8192 }), ...inside,
  ]);
}

/** Tier enhanced without namespaces: only that it is a process of its own, of another account where there is one. */
export function testPlainCell(wall: CellWall): Promise<Case[]> {
  return inOrganizationCell(wall, (pid) => [
    { name: 'is a process of its own', passed: pid !== process.pid },
    ...(wall.account === null ? [] : [{ name: 'runs as an account of its own', passed: uidOf(pid) >= wall.account.uid && uidOf(pid) !== process.getuid?.() }]),
  ]);
}

async function inOrganizationCell(wall: CellWall, casesOf: (pid: number, inside: Case[]) => Case[]): Promise<Case[]> {
  const cell = new OrganizationCell(wall, DEFAULT_RUN_LIMITS.memoryMb);
  try {
    await cell.start();
    const seat = await cell.seat(DEFAULT_RUN_LIMITS.memoryMb, { onSaid: () => undefined, onStarted: () => undefined, onViolation: () => undefined, onFault: () => undefined });
    await seat.opened();
    const bundleUrl = cell.bundleUrl(SELF_TEST, 'self-test');
    const ending = await within(seat.run({ ...TASK, bundleUrl }, 'self-test'), SELF_TEST_MS, 'the self-test did not end');
    if (ending.kind !== 'replied' || ending.reply?.kind !== 'returned') throw new Error(`the self-test failed: ${JSON.stringify(ending)} ${cell.lastWords}`);
    return casesOf(cell.pid ?? 0, casesIn(ending.reply.result));
  } finally {
    cell.kill();
    await cell.gone;
  }
}

function selfTestIn(cell: SingleUseCell): Promise<Case[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Case[]>();
  void cell.gone.then(({ lastWords }) => reject(new Error(`the cell died in the self-test: ${lastWords}`)));
  cell.run({ bundlePath: SELF_TEST }, TASK, {
    onFrame(frame) {
      if (frame.kind !== 'reply') return;
      const { kind, result } = frame.reply as { kind: string; result?: unknown };
      if (kind === 'returned') resolve(casesIn(result));
      else reject(new Error(`the self-test failed: ${JSON.stringify(frame.reply)}`));
    },
    onViolation: reject,
  });
  return promise;
}

function casesIn(result: unknown): Case[] {
  return Object.entries(result as Record<string, unknown>).map(([name, passed]) => ({ name, passed: passed === true }));
}

/** What the kernel says of a running cell. */
function seenFromOutside(pid: number): Case[] {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const holds = (name: string, passed: boolean): Case => ({ name, passed });
  return [
    ...NAMESPACES.map((namespace) => holds(`has a ${namespace} namespace of its own`, namespaceOf(pid, namespace) !== namespaceOf('self', namespace))),
    holds('has a session of its own', statField(pid, SESSION_FIELD) !== statField(process.pid, SESSION_FIELD)),
    holds('sees nothing of the machine but what it runs, read-only', strangeMounts(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).length === 0),
    holds('runs behind a system call filter', /^Seccomp:\s+2$/m.test(status)),
    holds('can gain no privileges', /^NoNewPrivs:\s+1$/m.test(status)),
    holds('has no capability', /^CapEff:\s+0+$/m.test(status) && /^CapBnd:\s+0+$/m.test(status)),
    holds('is limited in memory', /^Max data size\s+\d+/m.test(limits)),
  ];
}

function limitedTo(pid: number, { processes, files }: { processes: number; files: number }): Case {
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  const most = (what: string) => Number(new RegExp(`^Max ${what}\\s+(\\d+)`, 'm').exec(limits)?.[1]);
  return { name: 'is limited in processes and files', passed: most('processes') <= processes && most('open files') <= files };
}

function namespaceOf(pid: number | 'self', namespace: string): string {
  return readlinkSync(`/proc/${pid}/ns/${namespace}`);
}

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}
