/** Words that say nothing about what a text is about. */
const STOP_WORDS = new Set(
  ('a about after all also an and any are as at be been but by can could do does each for from had has have how i if in into is it its '
  + 'just like more most no not of on one only or other our out over same should so some such than that the their them then there '
  + 'these they this to up use used using was we were what when where which while who will with would you your').split(' '),
);

/** A word and where it stands in the text. */
export interface Term {
  word: string;
  at: number;
}

/** Words of two letters or more and numbers among them, in lower case, without stop words; addresses are left out. */
export function termsOf(text: string): Term[] {
  const readable = blankOut(text, /\bhttps?:\/\/\S+|<[^<>\n]{1,200}>/g);
  const terms: Term[] = [];
  for (const match of readable.matchAll(/\p{L}[\p{L}\p{N}]+/gu)) {
    const word = match[0].toLowerCase();
    if (word.length <= 40 && !STOP_WORDS.has(word)) terms.push({ word, at: match.index });
  }
  return terms;
}

/** Takes matches out without moving what stands behind them. */
function blankOut(text: string, pattern: RegExp): string {
  return text.replace(pattern, (match) => ' '.repeat(match.length));
}
