import { ERROR_REGISTRY, problemSchema, type ErrorCode } from '@bullpen/core';
import { z } from 'zod';

import type { Route, Scope } from './route.ts';

/** The parts of OpenAPI 3.1 that we write. Source: https://spec.openapis.org/oas/v3.1.1.html */
type Json = Record<string, unknown>;

/** What every route of a scope may answer, whatever it does. */
const SCOPE_ERRORS: Record<Scope, readonly ErrorCode[]> = {
  public: [],
  key: ['UNAUTHENTICATED', 'FORBIDDEN'],
  organization: ['UNAUTHENTICATED', 'FORBIDDEN'],
  platform: ['UNAUTHENTICATED', 'FORBIDDEN'],
  operator: ['UNAUTHENTICATED', 'FORBIDDEN'],
};
const EVERYWHERE: readonly ErrorCode[] = ['INVALID_REQUEST', 'SERVICE_UNAVAILABLE', 'INTERNAL'];
const WITH_KEY: readonly ErrorCode[] = ['RATE_LIMITED'];
const IDEMPOTENT: readonly ErrorCode[] = ['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_IN_FLIGHT'];
const WITH_BODY: readonly ErrorCode[] = ['INVALID_JSON', 'INPUT_TOO_LARGE'];

const INFO = {
  title: 'Bullpen',
  version: '1.0.0',
  summary: 'A multi-tenant runtime for agents',
  description: 'Every error is a problem document (RFC 9457) with a stable `code`; lists are read page after page by `nextCursor`.',
  license: { name: 'MIT', identifier: 'MIT' },
  contact: { name: 'Bullpen' },
};

const TAGS: Readonly<Record<string, string>> = {
  runs: 'Executions of an agent on an input',
  agents: 'Named units of work and their immutable versions',
  deployments: 'Which version runs take: a stable one, and a canary beside it',
  schedules: 'Runs by the clock',
  webhooks: 'Webhooks out: addresses that are told of events',
  triggers: 'Webhooks in: events that become runs',
  alerts: 'What is wrong, and the rules that say so',
  secrets: 'What agents are given and nobody reads back',
  keys: 'Keys of an organization',
  usage: 'What an organization has used',
  organizations: 'The tenants; for the platform\'s admin',
  operator: 'The runtime as a whole; for the platform\'s admin',
  service: 'The API process itself',
};

/** The document of a table of routes: the schemas that check requests are the ones that describe them. */
export function openApiDocument(routes: readonly Route[]): Json {
  const schemas = new ComponentSchemas();
  const problem = schemas.refer(problemSchema, 'output');
  const paths: Record<string, Json> = {};
  for (const one of routes) paths[one.path] = { ...paths[one.path], [one.method]: operation(one, schemas, problem) };
  const tags = [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name, description: TAGS[name] ?? name }));
  return {
    openapi: '3.1.1',
    info: INFO,
    servers: [{ url: '/', description: 'this server' }],
    tags,
    paths,
    components: {
      schemas: schemas.all(),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'an API key' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'bullpen_admin', description: 'of the operator\'s browser' },
      },
    },
  };
}

function operation(one: Route, schemas: ComponentSchemas, problem: Json): Json {
  const { operationId, tag, summary, permission, scope } = one;
  return {
    operationId,
    tags: [tag],
    summary,
    security: securityOf(scope),
    ...(permission === null ? {} : { 'x-bullpen-permission': permission }),
    'x-bullpen-scope': scope,
    ...(one.method === 'get' ? {} : { 'x-bullpen-audited': typeof one.audit === 'object' || one.audit === 'by the handler' }),
    parameters: parametersOf(one, schemas),
    ...(one.rawBody === undefined ? {} : { requestBody: rawRequestBody(one.rawBody) }),
    ...(one.body === undefined ? {} : { requestBody: { required: isRequired(one.body), content: { 'application/json': { schema: schemas.refer(one.body, 'input') } } } }),
    responses: { ...successes(one, schemas), ...failures(one, problem) },
  };
}

function securityOf(scope: Scope): Json[] {
  if (scope === 'public') return [];
  return [{ bearer: [] }, { apiKey: [] }, ...(scope === 'operator' ? [{ cookie: [] }] : [])];
}

function rawRequestBody(description: string): Json {
  return { required: false, description, content: { 'application/json': { schema: {} }, 'application/x-www-form-urlencoded': { schema: { type: 'object' } } } };
}

const isRequired = (body: z.ZodType): boolean => !body.safeParse({}).success;

function parametersOf({ params, query, headers = {}, scope, idempotency }: Route, schemas: ComponentSchemas): Json[] {
  const header = (name: string, description: string) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } });
  return [
    ...fields(params, 'path', schemas),
    ...fields(query, 'query', schemas),
    ...Object.entries(headers).map(([name, description]) => header(name, description)),
    ...(idempotency === undefined ? [] : [header('Idempotency-Key', 'the same request with the same key is carried out once, and answered the same for a day')]),
    ...(scope === 'organization' ? [header('x-bullpen-org', 'an admin\'s key names the organization; every other key has its own')] : []),
  ];
}

function fields(object: z.ZodObject | undefined, place: 'path' | 'query', schemas: ComponentSchemas): Json[] {
  if (object === undefined) return [];
  const { properties = {}, required = [] } = schemas.plain(object) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    ...(schema['type'] === 'array' ? { style: 'form', explode: true } : {}),
    schema,
  }));
}

function successes({ answer: { statuses, schema, mediaType } }: Route, schemas: ComponentSchemas): Json {
  const content = schema === undefined
    ? (mediaType === undefined ? {} : { content: { [mediaType]: { schema: { type: 'string' } } } })
    : { content: { 'application/json': { schema: schemas.refer(schema, 'output') } } };
  return Object.fromEntries(Object.entries(statuses).map(([status, description]) => [status, { description, ...content }]));
}

/** One answer per status; its sentence names the codes that come with it. */
function failures({ scope, errors = [], body, idempotency }: Route, problem: Json): Json {
  const codes = new Set([
    ...SCOPE_ERRORS[scope], ...(scope === 'public' ? [] : WITH_KEY), ...(idempotency === undefined ? [] : IDEMPOTENT), ...errors,
    ...(body === undefined ? [] : WITH_BODY), ...EVERYWHERE,
  ]);
  const byStatus = Object.groupBy(codes, (code) => String(ERROR_REGISTRY[code].status));
  return Object.fromEntries(Object.entries(byStatus).map(([status, some = []]) => [status, {
    description: some.map((code) => `\`${code}\`: ${ERROR_REGISTRY[code].meaning}`).join('\n\n'),
    content: { 'application/problem+json': { schema: problem } },
  }]));
}

/**
 * Schemas with a name (`.meta({ id })`) become components and are referred to; others stand where they are used. What a
 * request may leave out an answer always has, so a named schema that differs between the two is two components.
 */
class ComponentSchemas {
  readonly #components = new Map<string, Json>();

  all(): Json {
    return Object.fromEntries([...this.#components].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Without its own name. */
  plain(schema: z.ZodType): Json {
    return this.#lift(jsonSchemaOf(schema, 'input'), 'input');
  }

  refer(schema: z.ZodType, io: 'input' | 'output'): Json {
    const json = this.#lift(jsonSchemaOf(schema, io), io);
    const name = schema.meta()?.id;
    return name === undefined ? json : { $ref: `#/components/schemas/${this.#keep(name, json, io)}` };
  }

  /** Moves what zod put under `$defs` to the components. */
  #lift({ $schema: _schema, $id: _id, id: _name, $defs = {}, ...json }: Json, io: 'input' | 'output'): Json {
    const renamed = new Map<string, string>();
    for (const [name, { id: _, ...definition }] of Object.entries($defs as Record<string, Json>)) renamed.set(name, this.#nameFor(name, pointing(definition, (one) => one), io));
    const rename = (name: string) => renamed.get(name) ?? name;
    for (const [name, { id: _, ...definition }] of Object.entries($defs as Record<string, Json>)) this.#components.set(rename(name), pointing(definition, rename) as Json);
    return pointing(json, rename) as Json;
  }

  #nameFor(name: string, definition: unknown, io: 'input' | 'output'): string {
    const kept = this.#components.get(name);
    return kept === undefined || JSON.stringify(kept) === JSON.stringify(definition) ? name : `${name}${io === 'input' ? 'Request' : 'Answer'}`;
  }

  #keep(name: string, json: Json, io: 'input' | 'output'): string {
    const as = this.#nameFor(name, json, io);
    this.#components.set(as, json);
    return as;
  }
}

/** References as OpenAPI has them. */
function pointing(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => pointing(one, rename));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [
    key,
    key === '$ref' && typeof one === 'string' ? `#/components/schemas/${rename(one.replace('#/$defs/', ''))}` : pointing(one, rename),
  ]));
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  return z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ jsonSchema }) {
      // zod's pattern of a date is right and 300 characters long; the format says the same.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    },
  }) as Json;
}
