/** A day of weather, as `seattle-weather.csv` of vega-datasets has it. */
export interface WeatherDay {
  date: string;
  precipitation: number;
  temp_max: number;
  temp_min: number;
  wind: number;
  weather: string;
}

export interface MonthSection {
  /** `2012-01` */
  month: string;
  days: number;
  rainMm: number;
  wettestDay: string;
  meanMaxC: number;
  hottestDay: string;
  longestDrySpellDays: number;
  /** The kind of weather that most days had. */
  mostly: string;
}

/** Days by month, both in the order of the calendar. */
export function groupByMonth(days: readonly WeatherDay[]): [string, WeatherDay[]][] {
  const sorted = [...days].sort((a, b) => (a.date < b.date ? -1 : 1));
  return [...Map.groupBy(sorted, (day) => day.date.slice(0, 7))];
}

/** @param days - of one month, at least one, in order */
export function describeMonth(month: string, days: readonly WeatherDay[]): MonthSection {
  const kinds = [...Map.groupBy(days, (day) => day.weather)].sort((a, b) => b[1].length - a[1].length);
  return {
    month,
    days: days.length,
    rainMm: round(sum(days.map((day) => day.precipitation))),
    wettestDay: dayOfMost(days, (day) => day.precipitation),
    meanMaxC: round(sum(days.map((day) => day.temp_max)) / days.length),
    hottestDay: dayOfMost(days, (day) => day.temp_max),
    longestDrySpellDays: longestStretch(days, (day) => day.precipitation === 0),
    mostly: kinds[0]![0],
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

const round = (number: number): number => Math.round(number * 10) / 10;

function dayOfMost(days: readonly WeatherDay[], amount: (day: WeatherDay) => number): string {
  return days.reduce((most, day) => (amount(day) > amount(most) ? day : most)).date;
}

function longestStretch(days: readonly WeatherDay[], holds: (day: WeatherDay) => boolean): number {
  let longest = 0;
  let current = 0;
  for (const day of days) {
    current = holds(day) ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return longest;
}
