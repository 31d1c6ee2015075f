import { termsOf, type Term } from './terms.ts';

export interface Document {
  path: string;
  text: string;
}

/** Where a word occurs: the number of the document and how often. */
interface Posting {
  document: number;
  count: number;
}

export interface SearchHit {
  path: string;
  /** Cosine between the query and the document, 0 to 1. */
  score: number;
  matched: string[];
  snippet: string;
}

export interface Keyword {
  word: string;
  weight: number;
}

/** An inverted index with TF-IDF weights: (1 + ln tf) * ln(1 + N / df), documents scaled to length 1. */
export interface SearchIndex {
  readonly termCount: number;
  add(document: Document): void;
  keywords(document: number, count: number): Keyword[];
  search(query: string, count: number): SearchHit[];
}

const SNIPPET_CHARS = 160;

export function createSearchIndex(): SearchIndex {
  const documents: (Document & { counts: Map<string, number> })[] = [];
  const postings = new Map<string, Posting[]>();

  const weightOf = (word: string, count: number): number => (1 + Math.log(count)) * Math.log(1 + documents.length / (postings.get(word)?.length ?? 1));
  const lengthOf = (counts: ReadonlyMap<string, number>): number => {
    let squares = 0;
    for (const [word, count] of counts) squares += weightOf(word, count) ** 2;
    return Math.sqrt(squares);
  };

  const scoresOf = (query: ReadonlyMap<string, number>): Map<number, { score: number; matched: string[] }> => {
    const scores = new Map<number, { score: number; matched: string[] }>();
    for (const [word, asked] of query) {
      for (const { document, count } of postings.get(word) ?? []) {
        const hit = scores.get(document) ?? { score: 0, matched: [] };
        hit.score += weightOf(word, asked) * weightOf(word, count);
        hit.matched.push(word);
        scores.set(document, hit);
      }
    }
    return scores;
  };

  return {
    get termCount() {
      return postings.size;
    },
    add(document) {
      const counts = countTerms(termsOf(document.text));
      for (const [word, count] of counts) {
        const list = postings.get(word);
        if (list === undefined) postings.set(word, [{ document: documents.length, count }]);
        else list.push({ document: documents.length, count });
      }
      documents.push({ ...document, counts });
    },
    keywords: (document, count) =>
      [...(documents[document]?.counts ?? [])]
        .map(([word, times]) => ({ word, weight: weightOf(word, times) }))
        .sort((a, b) => b.weight - a.weight)
        .slice(0, count),
    search(query, count) {
      const asked = countTerms(termsOf(query));
      const queryLength = lengthOf(asked);
      return [...scoresOf(asked)]
        .map(([document, { score, matched }]) => ({ document: documents[document]!, matched, score: score / (queryLength * lengthOf(documents[document]!.counts)) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, count)
        .map(({ document, matched, score }) => ({ path: document.path, score, matched, snippet: snippetOf(document.text, matched) }));
    },
  };
}

function countTerms(terms: readonly Term[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { word } of terms) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** The stretch of text that holds the most different words of `matched`, on one line. */
function snippetOf(text: string, matched: readonly string[]): string {
  const places = termsOf(text).filter(({ word }) => matched.includes(word));
  let best = { at: 0, words: 0 };
  for (const [i, { at }] of places.entries()) {
    const words = new Set<string>();
    for (let j = i; j < places.length && places[j]!.at < at + SNIPPET_CHARS; j += 1) words.add(places[j]!.word);
    if (words.size > best.words) best = { at, words: words.size };
  }
  const start = Math.max(0, best.at - 20);
  const cut = text.slice(start, start + SNIPPET_CHARS).replace(/\s+/g, ' ').trim();
  // Cut at words, so that neither end holds half a word; a text without blanks may still lose half of a character pair.
  const inner = cut.replace(start > 0 ? /^\S+\s/ : /^/, '').replace(/\s\S*$/, '').toWellFormed();
  return `${start > 0 ? '… ' : ''}${inner} …`;
}
