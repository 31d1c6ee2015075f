import { errorCodeOf, messageOf, type AgentManifest, type AttemptOutcome } from '@bullpen/core';
import { resolveVersion, type ClaimedRun, type Database } from '@bullpen/db';
import type { SchemaChecker } from '@bullpen/json-schema';

type OutputSchema = NonNullable<AgentManifest['outputSchema']>;

const MOST_REMEMBERED = 5000;

/** Holds results against what their versions declare. Versions never change, so what one declares is read once. */
export class OutputCheck {
  readonly #deps: { db: Database; schemas: SchemaChecker };
  readonly #known = new Map<string, OutputSchema | null>();

  constructor(deps: { db: Database; schemas: SchemaChecker }) {
    this.#deps = deps;
  }

  /** The outcome, or the failure that it is where the result does not fit. */
  async judge(run: ClaimedRun, outcome: AttemptOutcome): Promise<AttemptOutcome> {
    if (outcome.kind !== 'succeeded') return outcome;
    const schema = await this.#schemaOf(run);
    if (schema === null) return outcome;
    const fault = await this.#faultOf(schema, outcome.resultJson);
    if (fault === null) return outcome;
    return { kind: 'failed', state: 'failed', error: { code: 'OUTPUT_INVALID', message: fault }, retryable: false, usage: outcome.usage };
  }

  async #faultOf(schema: OutputSchema, resultJson: string): Promise<string | null> {
    try {
      const verdict = await this.#deps.schemas.check(schema, resultJson);
      if (verdict.valid) return null;
      return `the result does not fit its schema: ${verdict.issues.map(({ path, message }) => `${path === '' ? 'result' : `result.${path}`}: ${message}`).join('; ')}`;
    } catch (error) {
      if (errorCodeOf(error) === 'SHUTTING_DOWN') throw error;
      return messageOf(error);
    }
  }

  async #schemaOf({ orgId, agent, version }: ClaimedRun): Promise<OutputSchema | null> {
    const key = `${orgId}/${agent}/${version}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { manifest } = await resolveVersion(this.#deps.db, orgId, agent, version);
    const schema = manifest.outputSchema ?? null;
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    this.#known.set(key, schema);
    return schema;
  }
}
