import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A word that may come next on a line that begins with the words of a path. */
interface Word {
  word: string;
  about: string;
}

/** The script that teaches a shell the commands and options; made from the commands themselves, so it cannot drift. */
export function completionScript(program: Command, shell: Shell): string {
  const tree = wordsByPath(program);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program.name(), tree);
}

/** What may follow, by the words that came before: `''`, `keys`, `keys create`, ... Options of the whole command follow everywhere. */
function wordsByPath(program: Command): Map<string, Word[]> {
  const tree = new Map<string, Word[]>();
  const global = optionsOf(program);
  const walk = (command: Command, path: readonly string[]): void => {
    const own = command === program ? [] : optionsOf(command);
    const children = command.commands.filter((child) => child.name() !== 'help');
    tree.set(path.join(' '), [...children.map((child) => ({ word: child.name(), about: child.description() })), ...own, ...global, { word: '--help', about: 'say what there is' }]);
    for (const child of children) walk(child, [...path, child.name()]);
  };
  walk(program, []);
  return tree;
}

const optionsOf = (command: Command): Word[] => command.options.filter(({ hidden }) => !hidden).map(({ long, short, description }) => ({ word: long ?? short ?? '', about: description }));

const bashScript = (name: string, tree: Map<string, Word[]>): string => `# ${name} completion for bash: source <(${name} completion bash)
_${name}_words() {
  case "$1" in
${[...tree].map(([path, words]) => `    ${quoted(path)}) printf '%s ' ${words.map(({ word }) => word).join(' ')} ;;`).join('\n')}
  esac
}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    case " $(_${name}_words "$path") " in *" $word "*) path="\${path:+$path }$word" ;; esac
  done
  COMPREPLY=($(compgen -W "$(_${name}_words "$path")" -- "$current"))
}
complete -o default -F _${name} ${name}`;

const zshScript = (name: string, tree: Map<string, Word[]>): string => `#compdef ${name}
# ${name} completion for zsh: source <(${name} completion zsh)
_${name}_words() {
  case "$1" in
${[...tree].map(([path, words]) => `    ${quoted(path)}) reply=(${words.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ')}) ;;`).join('\n')}
  esac
}
_${name}() {
  local line_so_far="" word
  local -a reply
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$word" == -* ]] && continue
    reply=(); _${name}_words "$line_so_far"
    [[ -n "\${(M)reply:#$word:*}" ]] && line_so_far="\${line_so_far:+$line_so_far }$word"
  done
  reply=(); _${name}_words "$line_so_far"
  _describe '${name}' reply || _files
}
compdef _${name} ${name}`;

const fishScript = (name: string, tree: Map<string, Word[]>): string => [
  `# ${name} completion for fish: ${name} completion fish | source`,
  `function __${name}_path`,
  '  set -l path',
  '  for word in (commandline -opc)[2..]',
  '    string match -q -- "-*" $word; and continue',
  `    set -l candidate (string join " " $path $word)`,
  `    contains -- $candidate ${[...tree.keys()].filter((path) => path !== '').map(quoted).join(' ')}; and set path $path $word`,
  '  end',
  '  string join " " $path',
  'end',
  ...[...tree].flatMap(([path, words]) => words.map(({ word, about }) => {
    const what = word.startsWith('--') ? `-l ${word.slice(2)}` : word.startsWith('-') ? `-s ${word.slice(1)}` : `-a ${word}`;
    return `complete -c ${name} -n ${quoted(`test "$(__${name}_path)" = "${path}"`)} ${what} -d ${quoted(about)}`;
  })),
].join('\n');

/** As one word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
