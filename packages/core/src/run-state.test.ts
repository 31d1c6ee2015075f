import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';

import { RUN_STATES, TERMINAL_RUN_STATES, canMove, isTerminal, renderRunStateDiagram, statesLeadingTo } from './run-state.ts';

describe('the run state table', () => {
  it('lets every state reach a terminal one', () => {
    const reached = new Set<string>(TERMINAL_RUN_STATES);
    for (let before = -1; before !== reached.size;) {
      before = reached.size;
      for (const from of RUN_STATES) if (RUN_STATES.some((to) => canMove(from, to) && reached.has(to))) reached.add(from);
    }
    expect([...reached].sort()).toEqual([...RUN_STATES].sort());
  });

  it('lets nothing leave a terminal state', () => {
    for (const from of TERMINAL_RUN_STATES) expect(RUN_STATES.filter((to) => canMove(from, to))).toEqual([]);
  });

  it('names the states that a write may leave', () => {
    expect(statesLeadingTo('running')).toEqual(['scheduled', 'queued', 'retrying']);
    expect(statesLeadingTo('succeeded')).toEqual(['running']);
    expect(statesLeadingTo('expired').some(isTerminal)).toBe(false);
  });

  it('stands in docs/run-states.md as it stands here', () => {
    const page = readFileSync(new URL('../../../docs/run-states.md', import.meta.url), 'utf8');
    expect(page).toContain(renderRunStateDiagram());
  });
});
