/**
 * Real shells in which somebody types a line and asks for completion. What a shell offers is read from what it then calls: bash and
 * zsh are told to put all that is offered into the line, and in place of the command stands a program that writes its arguments down.
 * fish says by itself what it would offer.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Two names of each kind, one that says as whom it was asked, and one that must never be executed. */
const COMMAND = `#!/bin/sh
if [ "$1" != names ]; then printf '%s\\n' "$@" > "$CALLED"; exit; fi
printf '%s\\n' "$2-1" "$2-2" 'x-$(touch\${IFS}executed)' 'x-\`touch\${IFS}executed\`'
shift 2
IFS=+
[ $# -eq 0 ] || echo "as+$*"
`;

/** A zsh of zsh's own pseudo terminal: without one it has no line to edit. */
const ZSH_DRIVER = `
zmodload zsh/zpty
zpty shell zsh -f -i
until_said() { local said; zpty -r -m shell said "*$1*" }
type_in() { zpty -w shell "$1" }
type_in "PS1= PS2= RPS1= TERM=dumb"
type_in "zstyle ':completion:*' completer _all_matches _complete; zstyle ':completion:*' insert true"
type_in "$BEFORE"
type_in "source $SCRIPT; bindkey '^I' complete-word; echo rea''dy"
until_said ready
zpty -w -n shell "$LINE"$'\\t'"$AFTER"$'\\n'
type_in "echo en''ded; exit"
until_said ended
zpty -d shell
`;

export interface ShellRig {
  /** What the shell offers where the cursor is at the end of the line; names and words sorted as text, files too. */
  offered(line: string, how?: { before?: string }): Promise<string[]>;
  /** Asks for completion and then discards the line. True where that has executed one of the names. */
  executesNames(line: string): Promise<boolean>;
  drop(): Promise<void>;
}

/** @param files - empty ones of the folder that the shell stands in */
export async function openShell(shell: 'bash' | 'zsh' | 'fish', program: string, script: string, files: readonly string[]): Promise<ShellRig> {
  const dir = await mkdtemp(join(tmpdir(), 'bullpen-shell-'));
  const at = (...names: string[]): string => join(dir, ...names);
  for (const folder of ['bin', 'here', 'functions']) await mkdir(at(folder));
  await writeFile(at('bin', 'bullpen'), COMMAND);
  await chmod(at('bin', 'bullpen'), 0o755);
  await writeFile(at('script'), script);
  await writeFile(at('functions', '_bullpen'), script);
  for (const file of files) await writeFile(at('here', file), '');
  const env = { PATH: `${at('bin')}:${process.env.PATH}`, HOME: dir, TERM: 'dumb', LC_ALL: 'C', CALLED: at('called'), SCRIPT: at('script') };

  /** Types the line, asks for completion, and what comes after. */
  const type = async (line: string, { before = '', after = '' } = {}): Promise<string> => {
    await rm(at('called'), { force: true });
    if (shell === 'fish') return run(program, ['--no-config', '-c', 'source $SCRIPT; complete -C $LINE'], { cwd: at('here'), env: { ...env, LINE: line } });
    const beforeThat = before || (shell === 'zsh' ? 'autoload -Uz compinit; compinit -D -u' : '');
    if (shell === 'zsh') return run(program, ['-f', '-c', ZSH_DRIVER], { cwd: at('here'), env: { ...env, LINE: line, BEFORE: beforeThat, AFTER: after } });
    // Escape and a star insert all that is offered.
    const typed = [`source ${at('script')}`, "bind 'set bell-style none' 'set enable-bracketed-paste off'", beforeThat, `${line}\u001b*${after}`, 'exit', ''].join('\n');
    return run(program, ['--norc', '--noprofile', '-i'], { cwd: at('here'), env: { ...env, HISTFILE: '/dev/null' }, stdin: typed });
  };

  return {
    async offered(line, how = {}) {
      const said = await type(line, how);
      if (shell === 'fish') return said.split('\n').filter(Boolean).map((offer) => offer.split('\t')[0]!).sort();
      const called = (await readFile(at('called'), 'utf8')).split('\n').slice(0, -1);
      const typed = line.split(' ').slice(1);
      const partial = typed.pop();
      const offered = called.slice(typed.length);
      // Where nothing is offered the line stays as it was typed.
      return (offered.length === 1 && offered[0] === partial ? [] : offered).sort();
    },
    async executesNames(line) {
      // Ctrl-U, so that what was typed is not called.
      await type(line, { after: '\u0015' });
      return readFile(at('here', 'executed')).then(() => true, () => false);
    },
    drop: () => rm(dir, { recursive: true, force: true }),
  };
}

/** In a session of its own: an interactive shell would take the terminal that the tests were started from. */
async function run(program: string, args: readonly string[], { stdin = '', ...where }: { cwd: string; env: Record<string, string>; stdin?: string }): Promise<string> {
  const child = spawn(program, args, { ...where, stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  child.stdin.on('error', () => undefined).end(stdin);
  const [said] = await Promise.all([text(child.stdout), new Promise((resolve) => { child.once('close', resolve); })]);
  return said;
}
