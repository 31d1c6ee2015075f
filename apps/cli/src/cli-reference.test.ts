import { readFileSync } from 'node:fs';

import { describe, expect, it } from '@jest/globals';

import { renderCliReference } from './cli-reference.ts';
import { EXIT, EXIT_MEANINGS } from './exit-codes.ts';

describe('docs/cli.md', () => {
  it('is what the commands say (node apps/cli/src/write-reference.ts writes it)', () => {
    expect(readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')).toBe(renderCliReference());
  });

  it('has a meaning for every exit code', () => {
    expect(EXIT_MEANINGS.map(([code]) => code)).toEqual(Object.values(EXIT));
    expect(renderCliReference()).toContain('| 130 | interrupted');
  });
});
