import { BullpenError } from '@bullpen/core';

/** How the command ends; documented in `bullpen --help` and docs/cli.md. */
export const EXIT = { ok: 0, runFailed: 1, usage: 2, unreachable: 3, refused: 4, fault: 70, interrupted: 130 } as const;

/** Exit code and what it means, for help and docs. */
export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.ok, 'it worked; for `run` and `batch --wait`: every run succeeded; for `verify` and `doctor`: all is sound'],
  [EXIT.runFailed, 'it was done, and the answer is no: a run did not succeed, a check did not hold, a fault is still there'],
  [EXIT.usage, 'wrong arguments, files or configuration: nothing was sent'],
  [EXIT.unreachable, 'the API could not be reached'],
  [EXIT.refused, 'the API refused; the message carries its code (docs/errors.md)'],
  [EXIT.fault, 'a fault of the command itself'],
  [EXIT.interrupted, 'interrupted with Ctrl-C; a run that was being watched goes on, what `verify` and `bench` made is removed'],
];

export const EXIT_CODES_HELP = ['Exit codes:', ...EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(3)}  ${meaning}`)].join('\n');

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof BullpenError)) return EXIT.fault;
  if (error.code === 'API_UNREACHABLE') return EXIT.unreachable;
  return 'httpStatus' in error.facts ? EXIT.refused : EXIT.usage;
}
