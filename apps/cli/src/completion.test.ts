import { execFileSync } from 'node:child_process';

import { describe, expect, it } from '@jest/globals';

import { SHELLS, completionScript } from './completion.ts';
import { describeProgram } from './program.ts';

/** What bash would offer after these words. */
function offered(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  const script = `${completionScript(describeProgram(), 'bash')}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _bullpen; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n');
}

describe('completion', () => {
  it('offers commands, those under a command, and options, in bash', () => {
    expect(offered('bullpen', 'de')).toEqual(['deploy']);
    expect(offered('bullpen', 'keys', 'r')).toEqual(['rotate', 'revoke']);
    expect(offered('bullpen', '--org', 'acme', 'deploy', '--c')).toEqual(['--canary', '--canary-for']);
    expect(offered('bullpen', 'orgs', 'create', '--mi')).toEqual(['--minimum-tier']);
  });

  it('names every command in every shell', () => {
    for (const shell of SHELLS) {
      const script = completionScript(describeProgram(), shell);
      for (const { name } of describeProgram().commands.map((command) => ({ name: command.name() })).filter(({ name }) => name !== 'help')) expect(script).toContain(name);
    }
  });
});
