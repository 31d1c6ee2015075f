import { request as httpRequest } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemSchema } from '@bullpen/core';
import fc from 'fast-check';

import { documentedOperations, type DocumentedOperation } from '../system/api-document.ts';
import { fitting, roughJson, roughText } from '../system/json-schema-arbitrary.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** More with BULLPEN_FUZZ_REQUESTS; the seed is fixed, so that a failure comes back. */
const REQUESTS_PER_ROUTE = Number(process.env.BULLPEN_FUZZ_REQUESTS ?? 60);
const SEED = Number(process.env.BULLPEN_FUZZ_SEED ?? 20_261_122);
/** Beyond it a request hangs. No route waits unless it is asked to, and then not for this long here. */
const LONGEST_MS = 20_000;

/** Parameters that make the API wait on request: for a short while here. */
const WAITS = ['wait', 'timeout'];

interface Sent {
  path: string;
  query: string;
  body: string | undefined;
  headers: Record<string, string>;
}

/** Thousands of requests made from the document, fitting and broken: none may crash the API, hang, or be answered with anything but its document's forms. */
describe('whatever is sent to the routes of the OpenAPI document', () => {
  let system: RunningSystem;
  let url: string;
  let operations: DocumentedOperation[];
  let components: Parameters<typeof fitting>[1];
  let known: Record<string, string[]>;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_RATE_LIMIT: '10000000' } });
    url = system.apis[0]?.url() ?? '';
    operations = await documentedOperations(url);
    components = ((await (await fetch(`${url}/openapi.json`)).json()) as { components: { schemas: typeof components } }).components.schemas;
    const acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    const run = await acme.runs.create({ agent: 'echo' }, { wait: '30s' });
    await acme.deployments.put('echo', 'production', { version: 1 });
    const key = await system.admin.keys.create({ orgId: 'acme' });
    known = { id: [run.id, key.id, 'acme'], runId: [run.id], orgId: ['acme'], name: ['echo', 'nightly'], deployment: ['production'] };
  });
  afterAll(async () => { await system.stop(); });

  /** As a broken client would: nothing here checks what it sends. */
  const send = (method: string, { path, query, body, headers }: Sent) => new Promise<{ status: number; type: string; text: string }>((resolve, reject) => {
    const call = httpRequest(`${url}${path}${query}`, { method, headers, timeout: LONGEST_MS }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject).on('end', () => {
        resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${LONGEST_MS} ms`))).on('error', reject);
    call.end(body);
  });

  const requestTo = (operation: DocumentedOperation): fc.Arbitrary<Sent> => {
    const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    const inQuery = operation.parameters.filter((parameter) => parameter.in === 'query');
    const segment = (name: string) => fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...(known[name] ?? ['x'])) }, { weight: 1, arbitrary: roughText });
    const query = fc.record(Object.fromEntries(inQuery.map(({ name, schema }) => [name, WAITS.includes(name) ? fc.constantFrom('0', '1ms', '10ms', 'soon') : fc.oneof(fitting(schema, components), roughText)])), { requiredKeys: [] });
    const schema = operation.requestBody?.content['application/json'].schema;
    const body = schema === undefined ? fc.constant(undefined) : fc.oneof(
      { weight: 5, arbitrary: fitting(schema, components).map((value) => JSON.stringify(value)) },
      { weight: 2, arbitrary: roughJson.map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: roughText },
    );
    const headers = fc.record({
      'idempotency-key': fc.constantFrom('a', 'b', 'c', ' ', 'x'.repeat(300)), 'last-event-id': fc.constantFrom('1', '-1', 'x'), 'content-type': fc.constantFrom('application/json', 'text/plain'),
    }, { requiredKeys: [] });
    return fc.record({ values: fc.record(Object.fromEntries(inPath.map((name) => [name, segment(name)]))), query, body, headers }).map((drawn) => ({
      path: operation.path.replace(/\{(\w+)\}/g, (_, name: string) => escaped(String(drawn.values[name] ?? ''))),
      query: searchOf(drawn.query),
      body: drawn.body,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', ...(drawn.body === undefined ? {} : { 'content-type': 'application/json' }), ...drawn.headers },
    }));
  };

  it('is answered, with no fault of the server and a problem document for every error', async () => {
    let count = 0;
    for (const operation of operations) {
      await fc.assert(fc.asyncProperty(requestTo(operation), async (sent) => {
        count += 1;
        const { status, type, text } = await send(operation.method, sent);
        const place = `${operation.method} ${operation.path} answered ${status}: ${text.slice(0, 300)}`;
        expect([place, status >= 200 && status < 500]).toEqual([place, true]);
        if (status < 400) return;
        expect([place, type]).toEqual([place, 'application/problem+json; charset=utf-8']);
        expect(problemSchema.parse(JSON.parse(text))).toMatchObject({ status });
      }), { numRuns: REQUESTS_PER_ROUTE, seed: SEED, endOnFailure: true });
    }
    expect(count).toBeGreaterThanOrEqual(operations.length * REQUESTS_PER_ROUTE);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }, 600_000);
});

function searchOf(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${escaped(name)}=${escaped(typeof one === 'string' ? one : JSON.stringify(one))}`));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Percent-encoded, a lone surrogate as the three bytes that no UTF-8 holds: then the server has to say so. */
function escaped(text: string): string {
  return [...text].map((char) => (/[\ud800-\udfff]/.test(char) && char.length === 1 ? '%ED%A0%80' : encodeURIComponent(char))).join('');
}
