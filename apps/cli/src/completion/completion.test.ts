import { execFileSync } from 'node:child_process';

import { describe, expect, it } from '@jest/globals';

import { SHELLS, completionScript } from './completion-script.ts';
import { describeProgram } from '../program.ts';

// What the shells make of it is tried in them: test/integration/cli-completion.test.ts.
describe('completion', () => {
  it('is a script that its shell can read, with every value in it', () => {
    for (const shell of SHELLS) {
      const script = completionScript(describeProgram(), shell);
      expect(script).toContain('basic enhanced strict');
      expect(script).toMatch(/names agents|@names agents/);
    }
    execFileSync('bash', ['-n'], { input: completionScript(describeProgram(), 'bash') });
  });

  it('names every command in every shell', () => {
    for (const shell of SHELLS) {
      const script = completionScript(describeProgram(), shell);
      for (const { name } of describeProgram().commands.map((command) => ({ name: command.name() })).filter(({ name }) => name !== 'help')) expect(script).toContain(name);
    }
  });
});
