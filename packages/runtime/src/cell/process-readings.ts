import { closeSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';

/**
 * What /proc tells of a cell's process, from outside. Guarantees: it reads the process that it was opened for and no
 * later one of the same pid (the files stay bound to it); null once the process is gone.
 */
export interface CellReading {
  /** Private memory in RAM: heap, buffers, stacks. */
  readonly privateMb: number;
  /** Of all its threads. */
  readonly cpuMs: number;
}

const MIB = 1024 * 1024;
const NEAR_PIDS = 64;
const PARENT_FIELD = 4;

interface MachineUnits {
  readonly pageBytes: number;
  readonly tickMs: number;
}

/** Page size and clock tick, out of the kernel's auxiliary vector: AT_PAGESZ is 6, AT_CLKTCK is 17. */
export function readMachineUnits(): MachineUnits {
  const vector = readFileSync('/proc/self/auxv');
  const entries = new Map<bigint, bigint>();
  for (let at = 0; at + 16 <= vector.length; at += 16) entries.set(vector.readBigUInt64LE(at), vector.readBigUInt64LE(at + 8));
  return { pageBytes: Number(entries.get(6n) ?? 4096n), tickMs: 1000 / Number(entries.get(17n) ?? 100n) };
}

export class ProcessReadings {
  readonly #units: MachineUnits;
  readonly #statm: number;
  readonly #stat: number;
  readonly #schedstat: number;
  readonly #buffer = Buffer.allocUnsafe(1024);
  #isClosed = false;

  /** @throws where there is no such process. */
  constructor(pid: number, units: MachineUnits) {
    this.#units = units;
    this.#statm = openSync(`/proc/${pid}/statm`, 'r');
    this.#stat = openSync(`/proc/${pid}/stat`, 'r');
    this.#schedstat = openSync(`/proc/${pid}/schedstat`, 'r');
  }

  read(): CellReading | null {
    if (this.#isClosed) return null;
    try {
      const [, resident = 0, shared = 0] = this.#fields(this.#statm).map(Number);
      const privateMb = ((resident - shared) * this.#units.pageBytes) / MIB;
      return { privateMb, cpuMs: this.#cpuMs() };
    } catch {
      return null;
    }
  }

  /** Ticks count all threads but are coarse (10 ms); the scheduler counts the main thread to the nanosecond. */
  #cpuMs(): number {
    // The name of the process, in parentheses, may hold anything: the fields are counted from behind it.
    const [text = ''] = this.#text(this.#stat).split(')').slice(-1);
    const [user, system] = text.trim().split(' ').slice(11, 13).map(Number);
    const mainThreadMs = Number(this.#fields(this.#schedstat)[0]) / 1e6;
    return Math.max(((user ?? 0) + (system ?? 0)) * this.#units.tickMs, mainThreadMs);
  }

  #fields(file: number): string[] {
    return this.#text(file).trim().split(' ');
  }

  #text(file: number): string {
    const length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
    if (length === 0) throw new Error('the process is gone');
    return this.#buffer.toString('latin1', 0, length);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const file of [this.#statm, this.#stat, this.#schedstat]) closeSync(file);
  }
}

/** The one child of a pid namespace's first process; its pid is most often among the next ones. */
export function childOf(parentPid: number): number {
  const isChild = (pid: number) => statField(pid, PARENT_FIELD) === parentPid;
  for (let pid = parentPid + 1; pid <= parentPid + NEAR_PIDS; pid += 1) if (isChild(pid)) return pid;
  const found = readdirSync('/proc').map(Number).find((pid) => Number.isSafeInteger(pid) && isChild(pid));
  if (found === undefined) throw new Error(`process ${parentPid} has no child`);
  return found;
}

/**
 * A field of /proc/PID/stat by its number in proc(5), from 3 on; null where there is no such process, or no /proc. As UTF-8: for any
 * other encoding Node takes 64 KB for each file, of which V8 collects its garbage every 20 runs, for 5 to 10 ms.
 */
export function statField(pid: number, field: number): number | null {
  try {
    const [rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(')').slice(-1);
    return Number(rest.trim().split(' ')[field - 3]);
  } catch {
    return null;
  }
}

/** A number of /proc/PID/status, in MB: `VmData: 576256 kB`. */
export function statusMb(pid: number, field: string): number {
  const kb = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kb === undefined) throw new Error(`/proc tells no ${field}`);
  return Number(kb) / 1024;
}
