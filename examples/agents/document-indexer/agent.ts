import { defineAgent } from '@bullpen/sdk';

import { createSearchIndex, type Document, type Keyword, type SearchHit } from './search-index.ts';

export interface IndexInput {
  documents: Document[];
  query: string;
}

export interface IndexReport {
  documentCount: number;
  termCount: number;
  keywords: { path: string; keywords: Keyword[] }[];
  query: string;
  hits: SearchHit[];
}

const KEYWORDS = 6;
const HITS = 10;

/** Builds a search index over a folder of texts, says what each is about, and answers a query. */
export default defineAgent<IndexInput, IndexReport>({
  name: 'document-indexer',
  description: 'TF-IDF keywords of every document, an inverted index, and ranked hits with snippets for a query.',
  timeoutMs: 20_000,
  memoryMb: 128,

  run({ documents, query }, ctx) {
    const index = createSearchIndex();
    for (const [i, document] of documents.entries()) {
      ctx.signal.throwIfAborted();
      index.add(document);
      if (i % 10 === 9) ctx.progress((i + 1) / documents.length, document.path);
    }
    ctx.log('indexed', { documents: documents.length, terms: index.termCount });

    const hits = index.search(query, HITS);
    ctx.emit('hits', hits.slice(0, 3).map(({ path, score }) => ({ path, score })));
    const keywords = documents.map(({ path }, i) => ({ path, keywords: index.keywords(i, KEYWORDS) }));
    return { documentCount: documents.length, termCount: index.termCount, keywords, query, hits };
  },
});
