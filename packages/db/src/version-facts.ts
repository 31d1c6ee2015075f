import type { EgressManifest } from '@bullpen/core';

import { arrayLiteral } from './array-literal.ts';
import type { Database } from './database.ts';

/** What an attempt needs to know of its version, beside what its run has. */
export interface VersionFact {
  readonly id: string;
  readonly sha256: string;
  /** As its manifest declares them. */
  readonly secrets: readonly string[];
  readonly egress?: EgressManifest;
}

interface Row {
  id: string;
  sha256: string;
  secrets: string[] | null;
  egress: EgressManifest | null;
}

const MAX_REMEMBERED = 10_000;

/** A version never changes, so each is read once: three look-ups less for every claim. */
export class VersionFacts {
  readonly #db: Database;
  readonly #remembered = new Map<string, VersionFact>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Those that are there. */
  async of(ids: Iterable<string>): Promise<ReadonlyMap<string, VersionFact>> {
    const wanted = new Set(ids);
    const facts = new Map<string, VersionFact>();
    for (const id of wanted) {
      const fact = this.#remembered.get(id);
      if (fact !== undefined) facts.set(id, fact);
    }
    const unknown = [...wanted].filter((id) => !facts.has(id));
    if (unknown.length === 0) return facts;
    for (const { id, secrets, egress, sha256 } of await this.#read(unknown)) {
      const fact = { id, sha256, secrets: secrets ?? [], ...(egress === null ? {} : { egress }) };
      facts.set(id, fact);
      this.#remember(fact);
    }
    return facts;
  }

  async #read(ids: readonly string[]): Promise<readonly Row[]> {
    return this.#db.sql<Row[]>`
      SELECT id, sha256, manifest -> 'secrets' AS secrets, manifest -> 'egress' AS egress FROM agent_versions WHERE id = ANY (${arrayLiteral(ids)}::text[])`;
  }

  #remember(fact: VersionFact): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
    this.#remembered.set(fact.id, fact);
  }
}
