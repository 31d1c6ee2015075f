import { assertNever } from '@bullpen/core';

import type { Values } from './grammar.ts';

/** Options that say where and as whom: names are asked for with those of the line. */
export const CONNECTION_FLAGS = ['--url', '--key', '--org'] as const;

/** What an option or argument takes as one line of text: words to choose from, or `@names kind`, `@files`, `@free`. */
export function valueText(values: Values): string {
  switch (values.kind) {
    case 'words': return values.words.join(' ');
    case 'names': return `@names ${values.of}`;
    case 'files': return '@files';
    case 'free': return '@free';
    default: return assertNever(values, 'values');
  }
}

/** As one word of bash and zsh. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
