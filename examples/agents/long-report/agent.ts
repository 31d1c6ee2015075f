import { setTimeout as wait } from 'node:timers/promises';

import { defineAgent } from '@bullpen/sdk';

import { describeMonth, groupByMonth, type MonthSection, type WeatherDay } from './weather-months.ts';

export interface ReportInput {
  title: string;
  days: WeatherDay[];
  /** Pause after each month, ms: real reports wait for slow sources, this one only pretends to. */
  paceMs: number;
}

export interface Report {
  title: string;
  months: number;
  days: number;
  rainMm: number;
  wettestMonth: string;
  sections: MonthSection[];
}

/**
 * A report that takes its time: one section a month, each sent out as soon as it is written. When the run is cancelled
 * it stops between two sections or in the middle of a pause, says how far it came, and lets go.
 */
export default defineAgent<ReportInput, Report>({
  name: 'long-report',
  description: 'Writes a weather report month by month and streams its sections; stops at once when cancelled.',
  timeoutMs: 60_000,
  memoryMb: 64,

  async run({ title, days, paceMs }, ctx) {
    const months = groupByMonth(days);
    const sections: MonthSection[] = [];
    ctx.signal.addEventListener('abort', () => ctx.log.warn('stopping', { written: sections.length, of: months.length }), { once: true });

    for (const [month, monthDays] of months) {
      const section = describeMonth(month, monthDays);
      sections.push(section);
      ctx.emit('section', section);
      ctx.progress(sections.length / months.length, month);
      await wait(paceMs, undefined, { signal: ctx.signal });
    }

    const wettest = sections.reduce((most, section) => (section.rainMm > most.rainMm ? section : most));
    const rainMm = Math.round(sections.reduce((total, section) => total + section.rainMm, 0));
    return { title, months: sections.length, days: days.length, rainMm, wettestMonth: wettest.month, sections };
  },
});
