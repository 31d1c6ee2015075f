import { BullpenError } from '@bullpen/core';

/** How the command ends; documented in `bullpen --help` and docs/quickstart.md. */
export const EXIT = { ok: 0, runFailed: 1, usage: 2, unreachable: 3, refused: 4, fault: 70, interrupted: 130 } as const;

export const EXIT_CODES_HELP = [
  'Exit codes:',
  '  0    it worked; for `run`: the run succeeded',
  '  1    the run ended, and not with success',
  '  2    wrong arguments, files or configuration: nothing was sent',
  '  3    the API could not be reached',
  '  4    the API refused; the message carries its code (docs/errors.md)',
  '  70   a fault of the command itself',
  '  130  interrupted with Ctrl-C; a run that was being watched goes on',
].join('\n');

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof BullpenError)) return EXIT.fault;
  if (error.code === 'API_UNREACHABLE') return EXIT.unreachable;
  return 'httpStatus' in error.facts ? EXIT.refused : EXIT.usage;
}
