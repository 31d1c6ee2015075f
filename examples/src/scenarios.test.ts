import { describe, expect, it } from '@jest/globals';
import { SIZE_CAPS, TERMINAL_RUN_STATES } from '@bullpen/core';

import { ORGANIZATIONS, scenariosOf } from './scenarios.ts';

describe('the scenarios of the examples', () => {
  it.each(ORGANIZATIONS)('of %s fit the cap of an input and name the end of a run', (org) => {
    for (const scenario of scenariosOf(org)) {
      expect(Buffer.byteLength(JSON.stringify(scenario.input))).toBeLessThan(SIZE_CAPS.inputBytes);
      expect(TERMINAL_RUN_STATES).toContain(scenario.expect.state);
    }
  });

  it('are about different data in the two organizations', () => {
    const [acme, globex] = ORGANIZATIONS.map((org) => scenariosOf(org).filter(({ agent }) => agent === 'csv-analyst').map(({ subject }) => subject));
    expect(acme!.filter((subject) => globex!.includes(subject))).toEqual([]);
  });

  it('refuse a result that cannot be right', () => {
    const [first] = scenariosOf('acme');
    expect(() => first!.describe!({ result: { rowCount: 1460, columnCount: 6, columns: [] } } as never)).toThrow('1460 rows instead of 1461');
  });
});
