import type { Command } from 'commander';

import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { grammarOf } from './grammar.ts';
import { zshScript } from './zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * The script that teaches a shell the commands, options and values; made from the commands themselves, so it cannot drift.
 * Each of the three walks over the words before the cursor in the same steps: which command they name, which option waits for its
 * value, how many arguments there were. `test/integration/cli-completion.test.ts` types into the shells themselves.
 */
export function completionScript(program: Command, shell: Shell): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program.name(), grammarOf(program));
}
