import type { OwnDeath } from '../verdict.ts';
import type { CellEnd } from './cell-process.ts';

/** Signals by the code that bubblewrap makes of them: 128 and the number. */
const SIGNALS: Readonly<Record<number, string>> = {
  132: 'SIGILL', 133: 'SIGTRAP', 134: 'SIGABRT', 135: 'SIGBUS', 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM', 152: 'SIGXCPU',
  159: 'SIGSYS (a system call that is forbidden in a cell)',
};

/** Read only where nobody outside ended the cell: what the agent could forge here says something about itself only. */
export function deathOfCell({ exitCode, lastWords }: CellEnd): OwnDeath {
  if (/out of memory/i.test(lastWords)) return { kind: 'heap_limit' };
  const signal = exitCode === null ? undefined : SIGNALS[exitCode];
  if (signal !== undefined) return { kind: 'failed', message: `the process of the agent died by ${signal}` };
  return exitCode === null ? { kind: 'failed', message: 'the cell was killed from outside' } : { kind: 'exited', exitCode };
}
