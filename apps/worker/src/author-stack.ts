import { SourceMap, type SourceMapPayload } from 'node:module';

import { messageOf, type AttemptOutcome, type Logger } from '@bullpen/core';
import { loadBundle, type ClaimedRun, type Database } from '@bullpen/db';

/** Larger maps are left alone: reading one takes this process's time. */
const MOST_MAP_CHARACTERS = 3_000_000;
const MOST_REMEMBERED = 20;
const MAP_COMMENT = '\n//# sourceMappingURL=data:application/json;base64,';
const FRAME = /bundle\.mjs:(\d+):(\d+)/g;

/**
 * Makes the stacks of agents point at their authors' lines, by the source map that the bundle carries at its end. A
 * stack of a bundle without one, or with one that cannot be read, stays as it is.
 */
export class AuthorStack {
  readonly #deps: { db: Database; log: Logger };
  readonly #maps = new Map<string, SourceMap | null>();

  constructor(deps: { db: Database; log: Logger }) {
    this.#deps = deps;
  }

  async mapped(run: ClaimedRun, outcome: AttemptOutcome): Promise<AttemptOutcome> {
    if (outcome.kind !== 'failed' || outcome.error.stack === undefined) return outcome;
    const map = await this.#mapOf(run);
    if (map === null) return outcome;
    return { ...outcome, error: { ...outcome.error, stack: mappedStack(outcome.error.stack, map) } };
  }

  async #mapOf({ orgId, sha256, runId }: ClaimedRun): Promise<SourceMap | null> {
    const key = `${orgId}/${sha256}`;
    const known = this.#maps.get(key);
    if (known !== undefined) return known;
    let map: SourceMap | null;
    try {
      map = sourceMapOf(await loadBundle(this.#deps.db, orgId, sha256));
    } catch (error) {
      this.#deps.log.warn({ orgId, runId, sha256, reason: messageOf(error) }, 'run.stack_not_mapped');
      return null;
    }
    const [oldest] = this.#maps.keys();
    if (this.#maps.size >= MOST_REMEMBERED && oldest !== undefined) this.#maps.delete(oldest);
    this.#maps.set(key, map);
    return map;
  }
}

/** The map at the end of a bundle; null where there is none, or it is none. */
export function sourceMapOf(bundle: string): SourceMap | null {
  const at = bundle.lastIndexOf(MAP_COMMENT);
  if (at < 0 || bundle.length - at > MOST_MAP_CHARACTERS) return null;
  try {
    const payload = JSON.parse(Buffer.from(bundle.slice(at + MAP_COMMENT.length), 'base64').toString('utf8')) as SourceMapPayload;
    return new SourceMap(payload);
  } catch {
    return null;
  }
}

/** Each place in the bundle as the place in the source it was made of; what the map does not know stays. */
export function mappedStack(stack: string, map: SourceMap): string {
  return stack.replace(FRAME, (place, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    return 'originalSource' in entry && typeof entry.originalSource === 'string' ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}` : place;
  });
}
