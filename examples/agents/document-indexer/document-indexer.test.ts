import { describe, expect, it } from '@jest/globals';

import { installedReadmes } from '../../src/real-data.ts';
import { createSearchIndex } from './search-index.ts';
import { termsOf } from './terms.ts';

const documents = installedReadmes();
const index = createSearchIndex();
for (const document of documents) index.add(document);

describe('the document indexer', () => {
  it('takes words and where they stand, without stop words, markup and addresses', () => {
    expect(termsOf('The <b>Größe</b> of v8 is at https://x.test/abc here').map(({ word, at }) => `${word}@${at}`)).toEqual(['größe@7', 'v8@20', 'here@48']);
  });

  it('finds the README that a query is about, with a snippet of it', () => {
    const [best] = index.search('match file paths with glob patterns', 10);
    expect(best?.matched).toContain('glob');
    expect(best?.score).toBeGreaterThan(0);
    expect(best?.snippet.toLowerCase()).toMatch(/glob|match|patterns/);
    expect(documents.map(({ path }) => path)).toContain(best?.path);
  });

  it('ranks a text first for itself, with a cosine of one', () => {
    const [best] = index.search(documents[0]!.text, 3);
    expect(best?.path).toBe(documents[0]!.path);
    expect(best?.score).toBeCloseTo(1, 9);
  });

  it('finds nothing for words that nobody wrote', () => {
    expect(index.search('zzyzxqv', 10)).toEqual([]);
    expect(index.search('the of and', 10)).toEqual([]);
  });

  it('names keywords that stand in the text and are rarer than the rest', () => {
    const keywords = index.keywords(0, 6);
    expect(keywords).toHaveLength(6);
    for (const { word } of keywords) expect(documents[0]!.text.toLowerCase()).toContain(word);
    expect(keywords.map(({ weight }) => weight)).toEqual(keywords.map(({ weight }) => weight).sort((a, b) => b - a));
  });

  it('never cuts a character pair in half in a snippet', () => {
    const own = createSearchIndex();
    own.add({ path: 'a', text: `needle${'🐂'.repeat(300)}` });
    own.add({ path: 'b', text: `${'🐂'.repeat(15)}x needle ${'🐂'.repeat(300)}` });
    for (const hit of own.search('needle', 2)) expect(hit.snippet.isWellFormed()).toBe(true);
  });
});
