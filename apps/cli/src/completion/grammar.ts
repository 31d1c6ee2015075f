import type { Argument, Command, Option } from 'commander';

import { namedBy, type NameKind } from '../names.ts';

/** A word that may come next on a line that begins with the words of a path. */
export interface Word {
  readonly word: string;
  readonly about: string;
}

/** What an option or argument takes: one of some words, a name that the API knows, a file, or what only its user knows. */
export type Values =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'names'; readonly of: NameKind }
  | { readonly kind: 'files' }
  | { readonly kind: 'free' };

/** What a shell has to know of a command, by the words of its parts: `''`, `keys`, `keys create`, ... Options of the whole command are under `''`. */
export interface Grammar {
  readonly words: ReadonlyMap<string, readonly Word[]>;
  /** By path and place, with a blank between: an option as it is typed, the number of an argument, or `rest` for the last one and all that follow. */
  readonly values: ReadonlyMap<string, Values>;
}

export function grammarOf(program: Command): Grammar {
  const words = new Map<string, Word[]>();
  const values = new Map<string, Values>();
  const global = optionWords(program);
  const walk = (command: Command, path: readonly string[]): void => {
    const own = command === program ? [] : optionWords(command);
    const children = command.commands.filter((child) => child.name() !== 'help');
    words.set(path.join(' '), [...children.map((child) => ({ word: child.name(), about: child.description() })), ...own, ...global, { word: '--help', about: 'say what there is' }]);
    for (const option of command.options.filter(takesValue)) for (const name of namesOf(option)) values.set(`${path.join(' ')} ${name}`, valuesOf(option, path));
    command.registeredArguments.forEach((argument, place) => values.set(`${path.join(' ')} ${argument.variadic ? 'rest' : place}`, valuesOf(argument, path)));
    for (const child of children) walk(child, [...path, child.name()]);
  };
  walk(program, []);
  return { words, values };
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
