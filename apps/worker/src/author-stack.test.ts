import { describe, expect, it } from '@jest/globals';

import { mappedStack, sourceMapOf } from './author-stack.ts';

/** `AACA`: column 0 of line 1 of the bundle is line 2, column 1 of the source. */
const withMap = (payload: unknown) => `throw 1;\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(JSON.stringify(payload)).toString('base64')}`;
const payload = { version: 3, sources: ['agent.ts'], names: [], mappings: 'AACA' };

describe('a stack of an agent', () => {
  it('points at the lines of its author', () => {
    const map = sourceMapOf(withMap(payload));
    expect(map).not.toBeNull();
    expect(mappedStack('Error: no\n    at run (bundle.mjs:1:1)\n    at other.mjs:1:1', map!)).toBe('Error: no\n    at run (agent.ts:2:1)\n    at other.mjs:1:1');
  });

  it('stays as it is where the bundle has no map, or one that is none', () => {
    expect(sourceMapOf('throw 1;\n')).toBeNull();
    expect(sourceMapOf('throw 1;\n//# sourceMappingURL=data:application/json;base64,!!!')).toBeNull();
    expect(sourceMapOf(`${withMap(payload)}${'A'.repeat(3_000_001)}`)).toBeNull();
  });
});
