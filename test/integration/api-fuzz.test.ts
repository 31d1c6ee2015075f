import { request as httpRequest } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { problemSchema } from '@bullpen/core';
import fc from 'fast-check';

import { documentedOperations, type DocumentedOperation } from '../system/api-document.ts';
import { fitting, roughJson, roughText, type FittingOptions } from '../system/json-schema-arbitrary.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

/** More with BULLPEN_FUZZ_REQUESTS; the seed is fixed, so that a failure comes back. */
const REQUESTS_PER_ROUTE = Number(process.env.BULLPEN_FUZZ_REQUESTS ?? 60);
const SEED = Number(process.env.BULLPEN_FUZZ_SEED ?? 20_261_122);
/** A regular expression for `get /v1/runs` and the like, to try some routes only. */
const ROUTES = new RegExp(process.env.BULLPEN_FUZZ_ROUTES ?? '', 'i');
/** Beyond it a request hangs. No route waits unless it is asked to, and then not for this long here; the machine may be busy with something else. */
const LONGEST_MS = 60_000;

/** Parameters that make the API wait on request: for a short while here. */
const WAITS = ['wait', 'timeout'];

const queryOf = (operation: DocumentedOperation) => operation.parameters.filter((parameter) => parameter.in === 'query');

const oddHeaders = fc.record({
  'idempotency-key': fc.constantFrom('a', 'b', 'c', ' ', 'x'.repeat(300)), 'last-event-id': fc.constantFrom('1', '-1', 'x'), 'content-type': fc.constantFrom('application/json', 'text/plain'),
  authorization: fc.constantFrom('Bearer nobody', 'Basic x', 'Bearer '), 'x-bullpen-org': fc.constantFrom('acme', 'nobody', '%', ''),
}, { requiredKeys: [] });

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
  let components: FittingOptions['components'];
  /** By the name of a parameter, or the collection that an `id` is of. */
  let ids: Record<string, string[]>;
  /** Properties and parameters that mean something. */
  let meant: Record<string, unknown[]>;

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_RATE_LIMIT: '10000000' } });
    url = system.apis[0]?.url() ?? '';
    operations = (await documentedOperations(url)).filter(({ method, path }) => ROUTES.test(`${method} ${path}`)).toSorted((a, b) => turnOf(a) - turnOf(b));
    components = ((await (await fetch(`${url}/openapi.json`)).json()) as { components: { schemas: typeof components } }).components.schemas;
    const acme = await system.organization('acme');
    await deploy(acme, 'echo', 'async (input) => input');
    const run = await acme.runs.create({ agent: 'echo' }, { wait: '30s' });
    await acme.deployments.put('echo', 'production', { version: 1 });
    const key = await system.admin.keys.create({ orgId: 'acme' });
    await acme.schedules.create({ name: 'nightly', cron: '0 3 * * *', run: { agent: 'echo', input: null } });
    await system.admin.organizations.create({ id: 'spare' });
    const made = async (path: string, body: object): Promise<string> => {
      const answer = await fetch(`${url}${path}`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', 'content-type': 'application/json' }, body: JSON.stringify(body) });
      return ((await answer.json()) as { id: string }).id;
    };
    const rule = await made('/v1/alert-rules', { name: 'failures', measure: 'error_ratio', threshold: 0.5 });
    const silence = await made('/v1/alert-silences', { minutes: 1, reason: 'fuzz' });
    const webhook = await made('/v1/webhooks', { url: 'https://hooks.example.com/bullpen', eventTypes: ['run.*'] });
    ids = {
      webhooks: [webhook],
      runs: [run.id], keys: [key.id], organizations: ['acme'], 'alert-rules': [rule], 'alert-silences': [silence], alerts: ['alt_1'],
      runId: [run.id], orgId: ['acme'], name: ['echo', 'nightly', 'TOKEN'], deployment: ['production'], containerId: ['ctr_00000000000000000000000000'],
    };
    meant = {
      agent: ['echo'], version: [1], deployment: ['production'], tier: ['basic', 'enhanced'], timeoutMs: [1000, 5000], memoryMb: [32, 64], maxAttempts: [1, 2], delayMs: [0, 60_000], ttlMs: [60_000],
      confirm: ['spare'], dryRun: [true], filter: [{ agent: 'echo', state: 'failed' }], name: ['some', 'TOKEN'], cron: ['0 3 * * *', '@hourly'], timeZone: ['Europe/Berlin', 'UTC'], intervalMs: [60_000], bundle: ['export default { name: "echo", run: (input) => input };\n'],
      manifest: [{}, { tier: 'strict', memoryMb: 64 }], sha256: [undefined], metadata: [{}, { customer: '42' }], tags: [[], ['a']], tag: ['a'], limits: [{}, { cpuMs: 1000 }], backoff: [{ baseMs: 10, maxMs: 100, jitter: true }],
      fairnessKey: ['customer-1'], cursor: [undefined], expiresAt: ['2099-01-01T00:00:00.000Z'], until: ['2099-01-01T00:00:00.000Z'], since: ['2026-01-01T00:00:00.000Z'], startAt: [undefined], endAt: ['2099-01-01T00:00:00.000Z'],
      from: ['2026-11-01T00:00:00.000Z'], to: ['2026-11-20T00:00:00.000Z'], windowMs: [60_000, 3_600_000], stepMs: [60_000], orgId: ['acme'], id: ['new-1', 'new-2'], webhookUrl: [null], url: ['https://hooks.example.com/bullpen'], eventTypes: [['run.failed'], ['run.*', 'alert.*']], description: ['some'], ruleId: [rule, null], measure: ['error_ratio', 'kills'],
      queuedAfter: ['2026-01-01T00:00:00.000Z'], queuedBefore: ['2099-01-01T00:00:00.000Z'], canary: [undefined, null], caps: [{}], retention: [{}], poolMb: [256], maxMemoryMb: [512], overlapMs: [1000], value: ['a-secret'], key: ['not-a-key'], run: [{ agent: 'echo', input: 1 }], after: [1],
    };
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
    const options = { components, known: meant };
    const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    const segment = (name: string) => fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...idsOf(operation, name)) }, { weight: 1, arbitrary: roughText });
    const fittingQuery = fc.record(Object.fromEntries(queryOf(operation).map(({ name, schema }) => [name, WAITS.includes(name) ? fc.constantFrom('0', '1ms', '10ms') : known(name) ?? fitting(schema, options)])), { requiredKeys: queryOf(operation).filter(({ name }) => name === 'confirm').map(({ name }) => name) });
    const roughQuery = fc.record(Object.fromEntries(queryOf(operation).map(({ name, schema }) => [name, WAITS.includes(name) ? fc.constantFrom('1ms', 'soon') : fc.oneof(fitting(schema, options), roughText)])), { requiredKeys: [] });
    const schema = operation.requestBody?.content['application/json'].schema;
    const body = schema === undefined ? fc.constant(undefined) : fc.oneof(
      { weight: 6, arbitrary: fitting(schema, options).map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: roughJson.map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: roughText },
    );
    return fc.record({
      values: fc.record(Object.fromEntries(inPath.map((name) => [name, segment(name)]))),
      query: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 3, arbitrary: fittingQuery }, { weight: 2, arbitrary: roughQuery }),
      body,
      headers: fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: oddHeaders }),
    }).map((drawn) => ({
      path: operation.path.replace(/\{(\w+)\}/g, (_, name: string) => escaped(String(drawn.values[name] ?? ''))),
      query: searchOf(drawn.query),
      body: drawn.body,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'x-bullpen-org': 'acme', ...(drawn.body === undefined ? {} : { 'content-type': 'application/json' }), ...drawn.headers },
    }));
  };

  /** In a query metadata is written as pairs. */
  const known = (name: string) => (name === 'metadata' ? fc.constant('customer:42') : meant[name] === undefined ? undefined : fc.constantFrom(...meant[name]));

  /** Ids of the kind that the path speaks of. What is to be deleted is never the organization that all else needs. */
  function idsOf({ path, method }: DocumentedOperation, name: string): string[] {
    if (name !== 'id') return ids[name] ?? ['x'];
    if (path.startsWith('/v1/organizations') && method === 'DELETE') return ['spare', 'nobody'];
    return ids[path.split('/')[path.startsWith('/api/admin') ? 3 : 2] ?? ''] ?? ['x'];
  }

  it('is answered, with no fault of the server and a problem document for every error', async () => {
    const tallies: Tally[] = [];
    for (const operation of operations) {
      const tally: Tally = { route: `${operation.method} ${operation.path}`, requests: 0, answers: {} };
      tallies.push(tally);
      await fc.assert(fc.asyncProperty(requestTo(operation), async (sent) => {
        const { status, type, text } = await send(operation.method, sent);
        tally.requests += 1;
        tally.answers[status] = (tally.answers[status] ?? 0) + 1;
        const place = `${operation.method} ${operation.path} answered ${status}: ${text.slice(0, 300)}`;
        expect([place, status >= 200 && status < 500]).toEqual([place, true]);
        if (status < 400) return;
        expect([place, type]).toEqual([place, 'application/problem+json; charset=utf-8']);
        expect(problemSchema.parse(JSON.parse(text))).toMatchObject({ status });
      }), { numRuns: REQUESTS_PER_ROUTE, seed: SEED, endOnFailure: true });
    }
    process.stdout.write(tableOf(tallies));
    expect(tallies.filter(({ requests }) => requests < REQUESTS_PER_ROUTE)).toEqual([]);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }, 600_000 + REQUESTS_PER_ROUTE * 2000);
});

/** Replaying all there is doubles it, so it goes first; what is deleted is missed by whatever comes after. */
const turnOf = ({ method, path }: DocumentedOperation): number => (path === '/v1/runs/replay' ? 0 : method === 'DELETE' ? 2 : 1);

/** What a route answered, by status. */
interface Tally {
  route: string;
  requests: number;
  answers: Record<number, number>;
}

function tableOf(tallies: readonly Tally[]): string {
  const total = tallies.reduce((sum, { requests }) => sum + requests, 0);
  const lines = tallies.map(({ route, requests, answers }) => `  ${route.padEnd(62)} ${String(requests).padStart(6)}  ${Object.entries(answers).map(([status, count]) => `${status}: ${count}`).join('  ')}`);
  return `${total} requests to ${tallies.length} routes, seed ${SEED}\n${lines.join('\n')}\n`;
}

function searchOf(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${escaped(name)}=${escaped(typeof one === 'string' ? one : JSON.stringify(one))}`));
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Percent-encoded, a lone surrogate as the three bytes that no UTF-8 holds: then the server has to say so. */
function escaped(text: string): string {
  return [...text].map((char) => (/[\ud800-\udfff]/.test(char) && char.length === 1 ? '%ED%A0%80' : encodeURIComponent(char))).join('');
}
