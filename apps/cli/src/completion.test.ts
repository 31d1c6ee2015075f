import { execFileSync } from 'node:child_process';

import { describe, expect, it } from '@jest/globals';

import { SHELLS, completionScript } from './completion.ts';
import { describeProgram } from './program.ts';

/** What bash would offer after these words. */
function offered(...words: string[]): string[] {
  const line = words.map((word) => `'${word}'`).join(' ');
  // Stands for the command: two names of each kind, and one that says how it was called.
  const bullpen = 'bullpen() { printf "%s\\n" "$2-1" "$2-2"; [[ $# -lt 6 ]] || printf "of-%s-%s\\n" "$4" "$6"; }';
  const script = `${completionScript(describeProgram(), 'bash')}\n${bullpen}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _bullpen; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n');
}

describe('completion', () => {
  it('offers commands, those under a command, and options, in bash', () => {
    expect(offered('bullpen', 'de')).toEqual(['deploy']);
    expect(offered('bullpen', 'keys', 'r')).toEqual(['rotate', 'revoke']);
    expect(offered('bullpen', '--org', 'acme', 'deploy', '--c')).toEqual(['--canary', '--canary-for']);
    expect(offered('bullpen', 'orgs', 'create', '--mi')).toEqual(['--minimum-tier']);
  });

  it('offers what options and arguments take: choices, and names that the command itself is asked for', () => {
    expect(offered('bullpen', 'runs', '--state', 'ca')).toEqual(['cancelled']);
    expect(offered('bullpen', 'bench', '--tier', '')).toEqual(['basic', 'enhanced', 'strict']);
    expect(offered('bullpen', 'keys', 'create', '--role', 'o')).toEqual(['operator', 'owner']);
    expect(offered('bullpen', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(offered('bullpen', 'run', 'a')).toEqual(['agents-1', 'agents-2']);
    expect(offered('bullpen', '--org', '')).toEqual(['orgs-1', 'orgs-2']);
    expect(offered('bullpen', 'schedules', 'create', 'nightly', '')).toEqual(['agents-1', 'agents-2']);
    expect(offered('bullpen', 'secrets', 'rm', '')).toEqual(['secrets-1', 'secrets-2']);
    // As whom and where is what the line says.
    expect(offered('bullpen', '--org', 'acme', 'run', '--key', 'k', 'of-')).toEqual(['of-acme-k']);
  });

  it('offers no command in place of a value, and nothing for what only its user knows', () => {
    expect(offered('bullpen', '--org', 'runs', 'deploy', '--can')).toEqual(['--canary', '--canary-for']);
    expect(offered('bullpen', 'run', 'echo', '--timeout', '')).toEqual(['']);
    expect(offered('bullpen', 'orgs', 'create', 'o')).toEqual(['']);
    expect(offered('bullpen', 'run', '--det')).toEqual(['--detach']);
  });

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
