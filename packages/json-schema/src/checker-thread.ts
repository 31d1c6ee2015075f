import { parentPort } from 'node:worker_threads';

import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

import type { CheckAnswer, CheckRequest } from './checker-messages.ts';

/**
 * The thread in which strangers' schemas are compiled and applied: draft 2020-12 by ajv, formats included, without any
 * reference beyond the schema itself. It may hang as long as it likes (a regular expression, a tree of `anyOf`): whoever asked ends it.
 */
const MOST_COMPILED = 500;
const MOST_ISSUES = 10;

const compiled = new Map<string, ValidateFunction>();

function answer({ schemaJson, valueJson }: CheckRequest): CheckAnswer {
  let validate: ValidateFunction;
  try {
    validate = compiledOf(schemaJson);
  } catch (error) {
    return { kind: 'bad_schema', reason: (error as Error).message.slice(0, 500) };
  }
  if (valueJson === null || validate(JSON.parse(valueJson))) return { kind: 'valid' };
  const issues = (validate.errors ?? []).slice(0, MOST_ISSUES).map(({ instancePath, message, params }) => ({
    path: instancePath.slice(1).replaceAll('/', '.'),
    message: `${message ?? 'does not fit the schema'}${'additionalProperty' in params ? `: ${params['additionalProperty']}` : ''}`.slice(0, 200),
  }));
  return { kind: 'invalid', issues };
}

function compiledOf(schemaJson: string): ValidateFunction {
  const known = compiled.get(schemaJson);
  if (known !== undefined) return known;
  // One for each schema: two of them may have the same $id.
  const ajv = new Ajv2020({ strict: false, allErrors: true, addUsedSchema: false, logger: false });
  addFormats.default(ajv);
  const { $schema: _, ...schema } = JSON.parse(schemaJson) as Record<string, unknown>;
  const validate = ajv.compile(schema);
  if (compiled.size >= MOST_COMPILED) compiled.clear();
  compiled.set(schemaJson, validate);
  return validate;
}

parentPort?.postMessage({ kind: 'loaded' } satisfies CheckAnswer);
parentPort?.on('message', (request: CheckRequest) => parentPort?.postMessage(answer(request)));
