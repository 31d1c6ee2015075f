import type { Command } from 'commander';

import type { CommandAction } from '../cli.ts';
import { completionScript, type Shell } from '../completion/completion-script.ts';
import { EXIT } from '../exit-codes.ts';

/** `bullpen completion <shell>`: the script to stdout. */
export const completionCommand = (describe: () => Command): CommandAction => async ({ output, options }, shell = 'bash') => {
  const script = completionScript(describe(), shell as Shell);
  if (options.json === true) output.json({ shell, script });
  else output.result(script);
  return EXIT.ok;
};
