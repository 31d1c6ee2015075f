import type { Reply } from '../reply.ts';
import type { AttemptEnding, OwnDeath } from '../verdict.ts';
import type { CellEnd } from './cell-process.ts';

/** Signals by the code that bubblewrap makes of them: 128 and the number. */
const SIGNALS: Readonly<Record<number, string>> = {
  132: 'SIGILL', 133: 'SIGTRAP', 134: 'SIGABRT', 135: 'SIGBUS', 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM', 152: 'SIGXCPU',
  159: 'SIGSYS (a system call that is forbidden in a cell)',
};

/** Read only where nobody outside ended the cell: what the agent could forge here says something about itself only. */
export function deathOfCell({ exitCode, lastWords, wasLost }: CellEnd): OwnDeath {
  if (wasLost) return { kind: 'cell_lost' };
  if (/out of memory/i.test(lastWords)) return { kind: 'heap_limit' };
  const signal = exitCode === null ? undefined : SIGNALS[exitCode];
  if (signal !== undefined) return { kind: 'failed', message: `the process of the agent died by ${signal}` };
  return exitCode === null ? { kind: 'failed', message: 'the cell was killed from outside' } : { kind: 'exited', exitCode };
}

/** Node's words for memory that the kernel refused. */
const REFUSED_MEMORY = /^RangeError: (Array buffer allocation failed|Failed to allocate memory|ArrayBuffer\.prototype\.resize: Out of memory|WebAssembly\.Memory\(\): could not allocate memory|WebAssembly\.Memory\.grow\(\): Unable to grow instance memory)/;

/** An agent that ends because the kernel refused it memory ran into its limit, whoever noticed first. */
export function endingOf(reply: Reply | null): AttemptEnding {
  if (reply?.kind === 'threw' && REFUSED_MEMORY.test(reply.message)) return { kind: 'died', how: { kind: 'heap_limit' } };
  return { kind: 'replied', reply };
}
