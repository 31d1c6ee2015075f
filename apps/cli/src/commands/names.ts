import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { readNames, type NameKind } from '../names.ts';

/** `bullpen names <kind>`: one a line, for shells. */
export const namesCommand: CommandAction = async (invocation, kind) => {
  const { output, options, deps } = invocation;
  const names = await readNames(kind as NameKind, { ...invocation, signal: deps.interrupted });
  if (options.json === true) output.json(names);
  else for (const name of names) output.result(harmless(name));
  return EXIT.ok;
};
