import { InvalidArgumentError } from 'commander';

/** How the text of options becomes values; commander shows the message with the option's name. */

export function percentage(text: string): number {
  const percent = Number(text);
  if (text === '' || !(percent > 0 && percent <= 100)) throw new InvalidArgumentError('it must be a number above 0, at most 100.');
  return percent;
}

export function batchSize(text: string): number {
  const runs = wholeNumber(text);
  if (runs < 1 || runs > 1000) throw new InvalidArgumentError('it must be from 1 to 1000.');
  return runs;
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it must be a whole number, 0 or more.');
  return Number(text);
}

/** \`100/1000\`: so many starts in so many ms. */
export function rate(text: string): { runs: number; windowMs: number } {
  const match = /^(\d{1,7})\/(\d{1,8})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('it must be starts and ms, such as 100/1000.');
  return { runs: Number(match[1]), windowMs: Number(match[2]) };
}

export function positive(text: string): number {
  const number = Number(text);
  if (text === '' || !(number > 0)) throw new InvalidArgumentError('it must be a number above 0.');
  return number;
}
