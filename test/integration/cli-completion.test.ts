import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { findProgram } from '../services/programs.ts';
import { publishReport } from '../services/report.ts';
import { bullpen } from '../system/bullpen-command.ts';
import { openShell, type ShellRig } from '../system/shells.ts';

// Ample for a slow machine: each line is a shell of its own.
jest.setTimeout(120_000);

/** What is typed, and what is offered at its end. */
const LINES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['bullpen de', ['deploy']],
  ['bullpen keys r', ['revoke', 'rotate']],
  ['bullpen --org acme deploy --c', ['--canary', '--canary-for']],
  ['bullpen orgs create --mi', ['--minimum-tier']],
  ['bullpen logs --f', ['--follow']],
  // Choices.
  ['bullpen runs --state ca', ['cancelled']],
  ['bullpen bench --tier ', ['basic', 'enhanced', 'strict']],
  ['bullpen bench --tier=', ['basic', 'enhanced', 'strict']],
  ['bullpen keys create --role o', ['operator', 'owner']],
  ['bullpen completion ', ['bash', 'fish', 'zsh']],
  // Names, at the place where they belong and nowhere else.
  ['bullpen run a', ['agents-1', 'agents-2']],
  ['bullpen --org o', ['orgs-1', 'orgs-2']],
  ['bullpen schedules create nightly a', ['agents-1', 'agents-2']],
  ['bullpen schedules create a', []],
  ['bullpen run agents-1 agents', []],
  ['bullpen secrets rm s', ['secrets-1', 'secrets-2']],
  // As whom and where is what the line says.
  ['bullpen --org acme run --key k as', ['as+--org+acme+--key+k']],
  ['bullpen --org=acme run --key=k as', ['as+--org+acme+--key+k']],
  // A value is no command, and what only its user knows is not offered.
  ['bullpen --org runs deploy --can', ['--canary', '--canary-for']],
  ['bullpen run echo --timeout a', []],
  ['bullpen orgs create a', []],
  // Files where files are taken.
  ['bullpen deploy a', ['a file.json']],
  ['bullpen deploy x.ts a', ['a file.json']],
  ['bullpen run echo --input-file a', ['a file.json']],
];

const SHELLS = (['bash', 'zsh', 'fish'] as const).map((shell) => ({ shell, program: shell === 'bash' ? { path: 'bash' } : findProgram(shell) }));
const missing = SHELLS.flatMap(({ shell, program }) => ('missing' in program ? [`  ${shell} NOT TRIED: ${program.missing}`] : []));
if (missing.length > 0) publishReport('completion', ['Completion of the command in', ...missing, ''].join('\n'));
const TRIED = SHELLS.flatMap(({ shell, program }) => ('path' in program ? [{ shell, path: program.path }] : []));

/** `--tier=basic` is offered as a whole by one shell, and as what follows the sign by another. */
const valueOf = (offer: string): string => offer.replace(/^--[\w-]+=/, '').replaceAll('=', '+');

describe.each(TRIED)('what `bullpen completion $shell` prints, in a $shell', ({ shell, path }) => {
  let rig: ShellRig;
  beforeAll(async () => {
    const { stdout, exitCode } = await bullpen(['completion', shell], { cwd: '/' });
    expect(exitCode).toBe(0);
    rig = await openShell(shell, path, stdout, ['a file.json', 'other.json']);
  });
  afterAll(() => rig?.drop());

  it.each(LINES)('offers after "%s"', async (line, offered) => {
    expect((await rig.offered(line)).map(valueOf)).toEqual(offered);
  });

  it('offers every command by its name', async () => {
    expect(await rig.offered('bullpen ')).toEqual(expect.arrayContaining(['--help', '--org', 'cancel', 'deploy', 'keys', 'run', 'runs', 'why']));
  });

  it('executes nothing of what a name is made of', async () => {
    expect(await rig.offered('bullpen run x')).toHaveLength(2);
    expect(await rig.executesNames('bullpen run x')).toBe(false);
  });

  if (shell === 'zsh') {
    it('is found in a folder of fpath as well, and loads compinit where nobody has', async () => {
      expect(await rig.offered('bullpen keys r', { before: 'fpath=(../functions $fpath); autoload -Uz compinit; compinit -D -u; SCRIPT=/dev/null' })).toEqual(['revoke', 'rotate']);
      expect(await rig.offered('bullpen keys r', { before: 'true' })).toEqual(['revoke', 'rotate']);
    });
  }
});
