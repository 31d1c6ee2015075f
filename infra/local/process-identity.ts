import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { Deadline } from '@bullpen/core';

import { pollUntil } from './poll.ts';

/**
 * Processes that outlive their launcher are found again by number. Numbers are reused, so a number alone is never
 * killed: it is kept together with the start time of the process, and both must match.
 */
export interface ProcessRecord {
  readonly pid: number;
  /** Opaque; equal only for the same process of the same boot. */
  readonly startedAt: string;
}

/** The record of a live process, or null where none has this number. */
export function identifyProcess(pid: number): ProcessRecord | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const startedAt = existsSync('/proc/self/stat') ? startOnLinux(pid) : startByPs(pid);
  return startedAt === null ? null : { pid, startedAt };
}

/** The command line of a live process with its arguments, or '' where it cannot be read. */
export function commandOf(pid: number): string {
  if (existsSync('/proc/self/stat')) {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    } catch {
      return '';
    }
  }
  return spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() ?? '';
}

/** Reads a record kept by `writeProcessRecord`; null unless that very process still lives. */
export function readLiveRecord(file: string): ProcessRecord | null {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessRecord>;
    const live = identifyProcess(Number(kept.pid));
    return live && live.startedAt === kept.startedAt ? live : null;
  } catch {
    return null;
  }
}

/** Keeps who `pid` is. `exclusive`: throws EEXIST where the file is there already. */
export function writeProcessRecord(file: string, pid: number, options: { exclusive?: boolean } = {}): void {
  writeFileSync(file, `${JSON.stringify(identifyProcess(pid))}\n`, { mode: 0o600, flag: options.exclusive ? 'wx' : 'w' });
}

export function removeProcessRecord(file: string): void {
  rmSync(file, { force: true });
}

/** Ends a process that is no child of ours: `signal`, then SIGKILL when the deadline passes. Returns once it is gone. */
export async function endProcess(record: ProcessRecord, signal: NodeJS.Signals, by: Deadline): Promise<void> {
  const gone = async (): Promise<true | null> => (isSame(record) ? null : true);
  signalProcess(record, signal);
  if (await pollUntil(gone, by)) return;
  signalProcess(record, 'SIGKILL');
  await pollUntil(gone, Deadline.in(2000));
}

function isSame(record: ProcessRecord): boolean {
  return identifyProcess(record.pid)?.startedAt === record.startedAt;
}

function signalProcess(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (!isSame(record)) return;
  try {
    process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Field 22 of /proc/PID/stat (proc(5)): clock ticks since boot. A zombie (state Z) has ended: nobody can start it again. */
function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in field 2 may hold spaces and parentheses: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${fields[19]}`;
  } catch {
    return null;
  }
}

function startByPs(pid: number): string | null {
  const listed = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  return listed.status === 0 && listed.stdout.trim() !== '' ? listed.stdout.trim() : null;
}
