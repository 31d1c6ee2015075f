import { NODE_LIBRARY } from './wall.ts';

/**
 * What is mounted in a running cell, by /proc/PID/mountinfo, held against what a cell needs. The wall says which mounts it
 * asks for (wall.ts); this says again, by itself, which may be there: what an agent can try in there is denied by Node's
 * permission model in tier strict, whatever is mounted.
 */
const POINTS = new Set(['/', '/bundle', '/egress', '/cell/node', '/cell/container', '/cell/node_modules/piscina']);
/** Those that can be written to, and what kind they must be. */
const WRITABLE: Readonly<Record<string, string>> = { '/tmp': 'tmpfs', '/proc': 'proc' };

/** The mounts that a cell must not have, each with why; none where the wall stands. @param mountinfo - proc_pid_mountinfo(5) */
export function strangeMounts(mountinfo: string): string[] {
  const lines = mountinfo.split('\n').filter((line) => line !== '');
  return lines.length === 0 ? ['none are known'] : lines.flatMap((line) => complaintOf(line) ?? []);
}

function complaintOf(line: string): string | null {
  const [mount = '', source = ''] = line.split(' - ');
  const [, , , , point = '', options = ''] = mount.split(' ');
  const [kind] = source.split(' ');
  if (WRITABLE[point] !== undefined) return kind === WRITABLE[point] ? null : `${point} is ${kind}`;
  if (!options.split(',').includes('ro')) return `${point} can be written to`;
  if (point === '/') return kind === 'tmpfs' ? null : `${point} is ${kind}`;
  // What bubblewrap lays over parts of /proc is there to hide them.
  return POINTS.has(point) || NODE_LIBRARY.test(point) || point.startsWith('/proc/') ? null : `${point} is there`;
}
