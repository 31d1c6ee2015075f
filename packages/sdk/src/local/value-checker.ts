import { BullpenError, messageOf } from '@bullpen/core';
import { z } from 'zod';

export interface ValueIssue {
  readonly path: string;
  readonly message: string;
}

/** Holds values against JSON schemas (draft 2020-12). */
export interface ValueChecker {
  /** What does not fit; nothing where all does. @throws BullpenError SCHEMA_INVALID */
  check(schema: Readonly<Record<string, unknown>>, value: unknown): Promise<readonly ValueIssue[]> | readonly ValueIssue[];
}

/**
 * The checker that needs nothing but zod. It reads what zod, valibot and their like write and most of what people write;
 * a schema with `if`, `not`, `dependentRequired` or `unevaluatedProperties` it refuses with SCHEMA_INVALID rather than
 * to let pass what the API would not. Hand in one of your own (ajv's, say) for those.
 */
export const zodChecker: ValueChecker = {
  check(schema, value) {
    const parsed = compile(schema).safeParse(value);
    if (parsed.success) return [];
    return parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  },
};

const compiled = new WeakMap<object, z.ZodType>();

function compile(schema: Readonly<Record<string, unknown>>): z.ZodType {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  try {
    const type = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
    compiled.set(schema, type);
    return type;
  } catch (error) {
    throw new BullpenError('SCHEMA_INVALID', `the JSON schema cannot be used here: ${messageOf(error)}`, {}, { cause: error });
  }
}
