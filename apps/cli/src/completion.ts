import { assertNever } from '@bullpen/core';
import type { Argument, Command, Option } from 'commander';

import { namedBy, type NameKind } from './names.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A word that may come next on a line that begins with the words of a path. */
interface Word {
  word: string;
  about: string;
}

/** What an option or argument takes: one of some words, a name that the API knows, a file, or what only its user knows. */
type Values = { kind: 'words'; words: readonly string[] } | { kind: 'names'; of: NameKind } | { kind: 'files' } | { kind: 'free' };

/** By the words of a command, `''`, `keys`, `keys create`, ... Options of the whole command are under `''`. */
interface Grammar {
  words: Map<string, Word[]>;
  /** By path and place, with a blank between: an option as it is typed, or the number of an argument, the last one for all that follow. */
  values: Map<string, Values>;
}

/** The script that teaches a shell the commands, options and values; made from the commands themselves, so it cannot drift. */
export function completionScript(program: Command, shell: Shell): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program.name(), grammarOf(program));
}

function grammarOf(program: Command): Grammar {
  const grammar: Grammar = { words: new Map(), values: new Map() };
  const global = optionWords(program);
  const walk = (command: Command, path: readonly string[]): void => {
    const own = command === program ? [] : optionWords(command);
    const children = command.commands.filter((child) => child.name() !== 'help');
    grammar.words.set(path.join(' '), [...children.map((child) => ({ word: child.name(), about: child.description() })), ...own, ...global, { word: '--help', about: 'say what there is' }]);
    for (const option of command.options.filter(takesValue)) for (const name of namesOf(option)) grammar.values.set(`${path.join(' ')} ${name}`, valuesOf(option, path));
    command.registeredArguments.forEach((argument, place) => grammar.values.set(`${path.join(' ')} ${argument.variadic ? '*' : place}`, valuesOf(argument, path)));
    for (const child of children) walk(child, [...path, child.name()]);
  };
  walk(program, []);
  return grammar;
}

const optionWords = (command: Command): Word[] => command.options.filter(({ hidden }) => !hidden).map(({ long, short, description }) => ({ word: long ?? short ?? '', about: description }));
const takesValue = ({ required, optional }: Option): boolean => required || optional;
const namesOf = ({ long, short }: Option): string[] => [long, short].filter((name): name is string => name !== undefined && name !== null);

const FILES = new Set(['file', 'files', 'dir']);

function valuesOf(taker: Option | Argument, path: readonly string[]): Values {
  const { argChoices } = taker;
  if (argChoices !== undefined) return { kind: 'words', words: argChoices };
  const isArgument = !('flags' in taker);
  // `--export <file>`: what a value is called says what it is.
  const called = isArgument ? taker.name() : /[<[]([\w-]+)/.exec(taker.flags)?.[1] ?? '';
  if (FILES.has(called)) return { kind: 'files' };
  const of = namedBy(called, path, isArgument);
  return of === null ? { kind: 'free' } : { kind: 'names', of };
}

/** One line for `case`: words to choose from, or `@names kind`, `@files`, `@free`. */
function valueText(values: Values): string {
  switch (values.kind) {
    case 'words': return values.words.join(' ');
    case 'names': return `@names ${values.of}`;
    case 'files': return '@files';
    case 'free': return '@free';
    default: return assertNever(values, 'values');
  }
}

/** How bash and zsh both ask for names: by the command itself, as it was called, with the flags on the line that say where and as whom. */
const valueCases = ({ values }: Grammar): string => [...values].map(([place, of]) => `    ${quoted(place)}) printf '%s' ${quoted(valueText(of))} ;;`).join('\n');

const CONNECTION_FLAGS = '--url|--key|--org';

const bashScript = (name: string, grammar: Grammar): string => `# ${name} completion for bash: source <(${name} completion bash)
_${name}_words() {
  case "$1" in
${[...grammar.words].map(([path, words]) => `    ${quoted(path)}) printf '%s ' ${words.map(({ word }) => word).join(' ')} ;;`).join('\n')}
  esac
}
_${name}_values() {
  case "$1" in
${valueCases(grammar)}
  esac
}
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word option="" taken="" place=0 values
  local -a connection=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n "$option" ]]; then
      case "$option" in ${CONNECTION_FLAGS}) connection+=("$option" "$word") ;; esac
      option=""; continue
    fi
    if [[ "$word" == -* ]]; then
      taken="$(_${name}_values "$path $word")"; [[ -n "$taken" ]] || taken="$(_${name}_values " $word")"
      [[ -n "$taken" ]] && option="$word"
      continue
    fi
    case " $(_${name}_words "$path") " in *" $word "*) path="\${path:+$path }$word"; place=0 ;; *) place=$((place + 1)) ;; esac
  done
  if [[ -n "$option" ]]; then
    values="$taken"
  elif [[ "$current" != -* ]]; then
    values="$(_${name}_values "$path $place")"; [[ -n "$values" ]] || values="$(_${name}_values "$path *")"
  fi
  case "$values" in
    '@names '*) values="$("\${COMP_WORDS[0]}" names "\${values#@names }" \${connection[@]+"\${connection[@]}"} 2>/dev/null)" ;;
    @files) COMPREPLY=($(compgen -f -- "$current")); return ;;
    @free) values="" ;;
  esac
  [[ -n "$option" || -n "$values" ]] || values="$(_${name}_words "$path")"
  COMPREPLY=($(compgen -W "$values" -- "$current"))
}
complete -o default -F _${name} ${name}`;

const zshScript = (name: string, grammar: Grammar): string => `#compdef ${name}
# ${name} completion for zsh: source <(${name} completion zsh)
_${name}_words() {
  case "$1" in
${[...grammar.words].map(([path, words]) => `    ${quoted(path)}) reply=(${words.map(({ word, about }) => quoted(`${word}:${about.replaceAll(':', '\\:')}`)).join(' ')}) ;;`).join('\n')}
  esac
}
_${name}_values() {
  case "$1" in
${valueCases(grammar)}
  esac
}
_${name}() {
  local line_so_far="" word option="" taken="" values=""
  local -i place=0
  local -a reply connection
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n "$option" ]]; then
      case "$option" in ${CONNECTION_FLAGS}) connection+=("$option" "$word") ;; esac
      option=""; continue
    fi
    if [[ "$word" == -* ]]; then
      taken="$(_${name}_values "$line_so_far $word")"; [[ -n "$taken" ]] || taken="$(_${name}_values " $word")"
      [[ -n "$taken" ]] && option="$word"
      continue
    fi
    reply=(); _${name}_words "$line_so_far"
    if [[ -n "\${(M)reply:#$word:*}" ]]; then line_so_far="\${line_so_far:+$line_so_far }$word"; place=0; else place+=1; fi
  done
  if [[ -n "$option" ]]; then
    values="$taken"
  elif [[ "\${words[CURRENT]}" != -* ]]; then
    values="$(_${name}_values "$line_so_far $place")"; [[ -n "$values" ]] || values="$(_${name}_values "$line_so_far *")"
  fi
  case "$values" in
    '@names '*) values="$("\${words[1]}" names "\${values#@names }" "\${connection[@]}" 2>/dev/null)" ;;
    @files) _files; return ;;
    @free) values="" ;;
  esac
  if [[ -n "$values" ]]; then compadd -- \${=values}; return; fi
  [[ -n "$option" ]] && return
  reply=(); _${name}_words "$line_so_far"
  _describe '${name}' reply || _files
}
compdef _${name} ${name}`;

const fishScript = (name: string, { words, values }: Grammar): string => [
  `# ${name} completion for fish: ${name} completion fish | source`,
  `function __${name}_path`,
  '  set -l path',
  '  for word in (commandline -opc)[2..]',
  '    string match -q -- "-*" $word; and continue',
  `    set -l candidate (string join " " $path $word)`,
  `    contains -- $candidate ${[...words.keys()].filter((path) => path !== '').map(quoted).join(' ')}; and set path $path $word`,
  '  end',
  '  string join " " $path',
  'end',
  ...[...words].flatMap(([path, offered]) => {
    const here = `-n ${quoted(`test "$(__${name}_path)" = "${path}"`)}`;
    const args = [...values].filter(([place]) => place.startsWith(`${path} `) && /^(\d+|\*)$/.test(place.slice(path.length + 1)));
    return [
      ...offered.map(({ word, about }) => {
        const what = word.startsWith('--') ? `-l ${word.slice(2)}` : word.startsWith('-') ? `-s ${word.slice(1)}` : `-a ${word}`;
        const taken = values.get(`${path} ${word}`) ?? values.get(` ${word}`);
        return `complete -c ${name} ${here} ${what} -d ${quoted(about)}${taken === undefined ? '' : ` ${fishValues(name, taken)}`}`;
      }),
      ...args.filter(([, of]) => of.kind === 'words' || of.kind === 'names').map(([, of]) => `complete -c ${name} ${here} ${fishValues(name, of).replace('-x -a', '-f -a')}`),
    ];
  }),
].join('\n');

function fishValues(name: string, values: Values): string {
  switch (values.kind) {
    case 'words': return `-x -a ${quoted(values.words.join(' '))}`;
    case 'names': return `-x -a ${quoted(`(${name} names ${values.of} 2>/dev/null)`)}`;
    case 'files': return '-r -F';
    case 'free': return '-x';
    default: return assertNever(values, 'values');
  }
}

/** As one word of a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
