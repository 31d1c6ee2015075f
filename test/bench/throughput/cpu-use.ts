import { readFileSync, readdirSync } from 'node:fs';

/** CPU time by what used it, since boot, ms: read before and after, it says where a run's went. Linux only; nothing elsewhere. */
export type CpuUse = Readonly<Record<string, number>>;

interface Stat {
  readonly name: string;
  readonly parent: number;
  readonly cpuMs: number;
}

/** The scheduler counts to the nanosecond; the name is in parentheses and may hold anything. As UTF-8: for another encoding Node takes 64 KB for each file. */
function statOf(dir: string): Stat | null {
  try {
    const stat = readFileSync(`${dir}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, end);
    return { name, parent: Number(stat.slice(end + 2).split(' ')[1]), cpuMs: Number(readFileSync(`${dir}/schedstat`, 'utf8').split(' ')[0]) / 1e6 };
  } catch {
    return null; // it has ended
  }
}

/**
 * Of this process (its main thread, its others) and of all that it started: cells' main threads and their other ones, Postgres, Redis, others.
 * @param side - of what is measured. Thousands of files are read, which takes a good part of a second of this process: it reads its own last
 * before, and first after
 */
export function readCpuUse(side: 'before' | 'after'): CpuUse {
  if (process.platform !== 'linux') return {};
  const own = (): Use[] => useOf(process.pid);
  const others = (): Use[] => [...family()].filter((pid) => pid !== process.pid).flatMap(useOf);
  const parts = side === 'before' ? [others, own] : [own, others];
  const use: Record<string, number> = {};
  for (const { kind, cpuMs } of parts.flatMap((part) => part())) use[kind] = (use[kind] ?? 0) + cpuMs;
  return use;
}

interface Use {
  readonly kind: string;
  readonly cpuMs: number;
}

/** Of each thread. */
function useOf(pid: number): Use[] {
  const of = statOf(`/proc/${pid}`);
  return tasksOf(pid).flatMap((task) => {
    const stat = statOf(`/proc/${pid}/task/${task}`);
    return stat === null ? [] : [{ kind: kindOf(pid, of, task, stat.name), cpuMs: stat.cpuMs }];
  });
}

/** `a` - `b`, over so many runs, in microseconds: the largest first. */
export function cpuPerRun(after: CpuUse, before: CpuUse, runs: number): string {
  const spent = Object.keys(after).map((kind) => [kind, (((after[kind] ?? 0) - (before[kind] ?? 0)) * 1000) / runs] as const);
  const total = spent.reduce((sum, [, us]) => sum + us, 0);
  const listed = spent.filter(([, us]) => us >= 1).sort(([, a], [, b]) => b - a).map(([kind, us]) => `${kind} ${us.toFixed(0)}`);
  return `${total.toFixed(0)} us of CPU a run: ${listed.join(', ')}`;
}

function kindOf(pid: number, of: Stat | null, task: number, taskName: string): string {
  const isMain = pid === task;
  if (pid === process.pid) return isMain ? 'worker' : `worker:${taskName}`;
  const name = of?.name ?? '';
  if (/^(redis|valkey|postgres|bwrap)/.test(name)) return name.split('-')[0] ?? name;
  if (of?.parent === process.pid) return 'launcher';
  return isMain ? 'cells' : `cells:${taskName}`;
}

function family(): Set<number> {
  const parents = new Map(readdirSync('/proc').map(Number).filter(Number.isSafeInteger).map((pid) => [pid, statOf(`/proc/${pid}`)?.parent ?? 0]));
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) if (at === process.pid) return true;
    return false;
  };
  return new Set([...parents.keys()].filter(isOurs));
}

function tasksOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}
