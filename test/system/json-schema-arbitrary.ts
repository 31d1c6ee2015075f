import fc from 'fast-check';

/** As much of JSON schema as our document uses. */
interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

const DEEPEST = 4;

/** Text as hostile as it comes: NUL, lone surrogates, long, empty. */
export const roughText = fc.oneof(
  fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom('\u0000', '\ud800', '%', '../..', 'x'.repeat(5000), '__proto__', '1e999'),
);

/** Any JSON, nested and odd. */
export const roughJson: fc.Arbitrary<unknown> = fc.oneof(fc.jsonValue({ maxDepth: 4 }), roughText, fc.constantFrom(null, {}, [], -1, 1e308, 2 ** 53, true));

export interface FittingOptions {
  readonly components: Readonly<Record<string, Schema>>;
  /** Values that mean something to the server, by the name of their property: taken in four cases of five. */
  readonly known: Readonly<Record<string, readonly unknown[]>>;
}

/** Values that fit `schema`, mostly: what only a regular expression or a refinement says may be missed. */
export function fitting(schema: Schema, options: FittingOptions, depth = 0): fc.Arbitrary<unknown> {
  const { components, known } = options;
  const into = (one: Schema, name?: string): fc.Arbitrary<unknown> => {
    const any = fitting(one, options, depth + 1);
    const values = name === undefined ? undefined : known[name];
    return values === undefined ? any : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: any });
  };
  if (depth > DEEPEST) return fc.constant(null);
  if (schema.$ref !== undefined) return into(components[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => into(one)));
  if (Array.isArray(schema.type)) return fc.oneof(...schema.type.map((type) => into({ ...schema, type })));
  return ofType(schema, into);
}

type Into = (schema: Schema, name?: string) => fc.Arbitrary<unknown>;

function ofType(schema: Schema, into: Into): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'string': return text(schema);
    case 'integer': return fc.integer({ min: Math.max(schema.minimum ?? 0, -(2 ** 31)), max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) });
    case 'number': return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000, noNaN: true });
    case 'boolean': return fc.boolean();
    case 'null': return fc.constant(null);
    case 'array': return fc.array(into(schema.items ?? {}), { maxLength: 3 });
    case 'object': return object(schema, into);
    default: return fc.jsonValue({ maxDepth: 2 });
  }
}

function text({ pattern, format, maxLength = 30 }: Schema): fc.Arbitrary<unknown> {
  if (format === 'date-time') return fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  return fc.string({ maxLength: Math.min(maxLength, 30) });
}

function object({ properties = {}, required = [], additionalProperties }: Schema, into: Into): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, into(schema, name)] as const);
  const whole = fc.record(Object.fromEntries(fields), { requiredKeys: required });
  // Of many fields at once some never go together: the least that is asked for, and one field more, is often right.
  const least = Object.fromEntries(fields.filter(([name]) => required.includes(name)));
  const sparse = fields.map(([name, value]) => fc.record({ ...least, [name]: value }));
  const named = fc.oneof({ weight: 1, arbitrary: whole }, ...(sparse.length === 0 ? [] : [{ weight: 1, arbitrary: fc.oneof(fc.record(least), ...sparse) }]));
  if (typeof additionalProperties !== 'object') return named;
  return fc.tuple(named, fc.dictionary(fc.string({ minLength: 1, maxLength: 10 }), into(additionalProperties), { maxKeys: 3 })).map(([some, more]) => ({ ...more, ...some }));
}
