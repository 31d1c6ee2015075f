import { InvalidArgumentError } from 'commander';

import type { CommandAction } from './cli.ts';

/** Turns a command's action into what commander calls. */
export type Bind = <Options extends object>(action: CommandAction<Options>) => (...args: unknown[]) => Promise<void>;

/** An argument that counts something. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}
