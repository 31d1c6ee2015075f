import { describe, expect, it } from '@jest/globals';
import type { AgentContext } from '@bullpen/sdk';

import { cityWeather } from '../../src/real-data.ts';
import longReport from './agent.ts';
import { describeMonth, groupByMonth } from './weather-months.ts';

interface Said {
  sections: unknown[];
  fractions: number[];
  warnings: string[];
}

/** A context that keeps what is said and calls `onSection` after each section. */
function contextOf(signal: AbortSignal, onSection: (count: number) => void = () => undefined): { ctx: AgentContext; said: Said } {
  const said: Said = { sections: [], fractions: [], warnings: [] };
  const ctx = {
    signal,
    log: { warn: (message: string) => said.warnings.push(message) },
    emit: (_name: string, data: unknown) => onSection(said.sections.push(data)),
    progress: (fraction: number) => said.fractions.push(fraction),
  };
  return { ctx: ctx as unknown as AgentContext, said };
}

describe('the long report', () => {
  // The figures are those of Python's csv module over the same file.
  it('describes a month as another implementation does', () => {
    const october = groupByMonth(cityWeather('New York')).find(([month]) => month === '2012-10')!;
    expect(describeMonth(...october)).toEqual({
      month: '2012-10', days: 31, rainMm: 56.6, wettestDay: '2012-10-29', meanMaxC: 18.5, hottestDay: expect.stringMatching(/^2012-10/), longestDrySpellDays: 5, mostly: 'rain',
    });
  });

  it('streams a section a month and covers every day once', async () => {
    const { ctx, said } = contextOf(new AbortController().signal);
    const report = await longReport.run({ title: 'Seattle', days: cityWeather('Seattle'), paceMs: 0 }, ctx);
    expect(report).toMatchObject({ months: 48, days: 1461 });
    expect(report.sections.reduce((sum, section) => sum + section.days, 0)).toBe(1461);
    expect(said.sections).toEqual(report.sections);
    expect(said.fractions.at(-1)).toBe(1);
  });

  it('stops in the middle of a pause when it is cancelled, and says how far it came', async () => {
    const abort = new AbortController();
    const { ctx, said } = contextOf(abort.signal, (count) => {
      if (count === 1) setImmediate(() => abort.abort(new Error('cancelled')));
    });
    // A pause that outlasts any test: only the signal can end it.
    const running = longReport.run({ title: 'Seattle', days: cityWeather('Seattle'), paceMs: 100_000_000 }, ctx);
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    expect(said.sections).toHaveLength(1);
    expect(said.warnings).toEqual(['stopping']);
  });
});
