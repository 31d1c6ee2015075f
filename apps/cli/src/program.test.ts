import { describe, expect, it } from '@jest/globals';
import { BullpenError } from '@bullpen/core';
import { createClient } from '@bullpen/sdk';

import type { CliDeps } from './cli.ts';
import { createOutput } from './output.ts';
import { runCli } from './program.ts';

const AT = '2026-01-01T00:00:00.000Z';
const RUN = {
  id: 'run_1', orgId: 'acme', agent: 'echo', version: 3, state: 'succeeded', tier: 'basic', attempt: 1, maxAttempts: 1, timeoutMs: 1, memoryMb: 64,
  result: { said: 'hi' }, input: null, error: null, usage: { wallMs: 12, cpuMs: 3, peakHeapMb: 8, peakExternalMb: 1, gbSeconds: 0.01 }, metadata: {}, workerId: 'wkr_1', traceId: null,
  queuedAt: AT, notBefore: null, expiresAt: null, claimedAt: AT, startedAt: AT, finishedAt: AT,
};
const FAILED = { ...RUN, state: 'failed', result: null, error: { code: 'AGENT_THREW', message: 'out of luck' } };
const EVENTS = [
  `event: state\ndata: {"state":"running","attempt":1,"at":"${AT}"}\n\n`,
  `id: 1000001\nevent: log\ndata: {"seq":1000001,"attempt":1,"at":"${AT}","event":{"type":"log","level":"info","message":"working"}}\n\n`,
];

interface Answers {
  run?: object;
  refuse?: { status: number; code: string; detail: string };
  down?: boolean;
  page?: object;
}

/** The API of the contract, in memory: one run that was created is over by the time its events are read. */
function api(answers: Answers) {
  const asked: { line: string; key: string | undefined; org: string | undefined; body: unknown }[] = [];
  const run = answers.run ?? RUN;
  const answer = (path: string, method: string): Response => {
    const { refuse } = answers;
    if (refuse !== undefined) return Response.json(refuse, { status: refuse.status, headers: { 'content-type': 'application/problem+json' } });
    if (path.includes('/events')) return new Response([...EVENTS, `event: end\ndata: ${JSON.stringify(run)}\n\n`].join(''));
    if (path === '/api/admin/doctor') return Response.json(answers.page);
    if (path.endsWith('/kill')) return Response.json({ workerId: 'wkr_1', containerId: 'ctr_1', orgId: 'acme', runId: 'run_1' }, { status: 202 });
    if (path === '/api/admin/runtime/status') return Response.json({ workers: answers.page });
    if (path.startsWith('/v1/secrets/')) return method === 'PUT' ? Response.json({ name: 'TOKEN', version: 2, createdAt: AT, updatedAt: AT }) : new Response(null, { status: 204 });
    if (path.endsWith('/cancel')) return Response.json({ ...run, state: 'running' }, { status: 202 });
    if (method === 'POST') return Response.json({ ...run, state: path.includes('wait=') ? (run as typeof RUN).state : 'queued' }, { status: 202 });
    return Response.json(path.startsWith('/v1/runs/') ? run : (answers.page ?? { items: [], nextCursor: null }));
  };
  const fetch = async (url: string, init: RequestInit): Promise<Response> => {
    if (answers.down === true) throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
    const { pathname, search } = new URL(url);
    const headers = init.headers as Record<string, string>;
    const method = init.method ?? 'GET';
    asked.push({ line: `${method} ${pathname}${search}`, key: headers['authorization'], org: headers['x-bullpen-org'], body: init.body === undefined ? undefined : JSON.parse(String(init.body)) });
    return answer(`${pathname}${search}`, method);
  };
  return { fetch, asked };
}

async function bullpen(args: string[], answers: Answers = {}, more: Partial<CliDeps> = {}) {
  const said = { out: '', err: '' };
  const { fetch, asked } = api(answers);
  const deps: CliDeps = {
    output: createOutput({ stdout: { write: (text) => (said.out += text) }, stderr: { write: (text) => (said.err += text) }, color: false }),
    env: { apiUrl: undefined, apiKey: undefined, org: undefined, noColor: true },
    cwd: '/nowhere',
    findCredentials: () => ({ apiUrl: 'http://api.test', adminKey: 'admin', orgs: { acme: 'acme-key' }, path: 'credentials.json' }),
    connect: (connection) => createClient({ ...connection, fetch, retries: 0 }),
    readStdin: async () => null,
    interrupted: new AbortController().signal,
    inCheckout: async () => 0,
    findProject: async () => null,
    probe: async () => ({ at: AT, probes: [], tiers: [] }),
    nowMs: () => Date.parse(AT) + 5_000,
    ...more,
  };
  const exitCode = await runCli(args, deps);
  return { exitCode, asked, ...said };
}

describe('bullpen run', () => {
  it('shows what the run says, then its result, and ends with 0', async () => {
    const { exitCode, out, err, asked } = await bullpen(['run', 'echo', '--input', '{"a":1}', '--memory', '32']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toEqual({ said: 'hi' });
    expect(err).toContain('echo v3 in acme  run_1');
    expect(err).toMatch(/running\n.*info {6}working\n✔ succeeded {2}12 ms wall/);
    expect(asked.map((one) => one.line)).toEqual(['POST /v1/runs', 'GET /v1/runs/run_1/events', 'GET /v1/runs/run_1']);
    expect(asked[0]).toMatchObject({ body: { agent: 'echo', input: { a: 1 }, memoryMb: 32 }, key: 'Bearer acme-key' });
  });

  it('ends with 1 and the code when the run does not succeed', async () => {
    const { exitCode, out, err } = await bullpen(['run', 'echo'], { run: FAILED });
    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toContain('✖ failed');
    expect(err).toContain('AGENT_THREW  out of luck');
  });

  it('takes the input that is piped in', async () => {
    const { asked } = await bullpen(['run', 'echo'], {}, { readStdin: async () => ' {"b":2}\n' });
    expect(asked[0]?.body).toEqual({ agent: 'echo', input: { b: 2 } });
  });

  it('waits without events, or not at all, when told so', async () => {
    const waited = await bullpen(['run', 'echo', '--wait', '--json']);
    expect(waited.asked.map((one) => one.line)).toEqual(['POST /v1/runs?wait=60s']);
    expect(JSON.parse(waited.out)).toMatchObject({ id: 'run_1', state: 'succeeded' });
    const detached = await bullpen(['run', 'echo', '--detach', '--org', 'acme'], { run: FAILED });
    expect([detached.exitCode, detached.out]).toEqual([0, 'run_1\n']);
    expect(detached.err).toContain('`npx bullpen logs run_1 -f --org acme`');
  });

  it('prints one JSON value for machines: the run', async () => {
    const { out, err } = await bullpen(['run', 'echo', '--json']);
    expect(JSON.parse(out)).toMatchObject({ id: 'run_1', state: 'succeeded', result: { said: 'hi' } });
    expect(err).toBe('');
    expect(JSON.parse((await bullpen(['logs', 'run_1', '--json'])).out)).toMatchObject({ runId: 'run_1', items: [{ kind: 'state' }, { kind: 'event' }, { kind: 'end' }] });
  });

  it('prints one JSON value a line where it is told to', async () => {
    const { out } = await bullpen(['run', 'echo', '--json-lines']);
    const kinds = out.trim().split('\n').map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(kinds).toEqual(['state', 'event', 'end']);
  });

  it('leaves the run alone when its watcher presses Ctrl-C', async () => {
    const abort = new AbortController();
    const fetchEvents: CliDeps['connect'] = (connection) => createClient({
      ...connection,
      fetch: async (url, init) => {
        if (!url.includes('/events')) return Response.json({ ...RUN, state: 'queued' });
        abort.abort(new Error('interrupted'));
        throw init.signal?.reason;
      },
    });
    const { exitCode, err } = await bullpen(['run', 'echo'], {}, { interrupted: abort.signal, connect: fetchEvents });
    expect(exitCode).toBe(130);
    expect(err).toContain('the run goes on: `npx bullpen logs run_1 -f`');
  });
});

describe('bullpen', () => {
  it.each([
    ['an unknown command', ['walk'], 2, /unknown command 'walk'/],
    ['a missing argument', ['run'], 2, /missing required argument 'agent'/],
    ['a state that is none', ['runs', '--state', 'tired'], 2, /Allowed choices are scheduled/],
    ['a number that is none', ['runs', '--limit', 'many'], 2, /whole number/],
    ['two ways to wait', ['run', 'echo', '--wait', '--detach'], 2, /cannot be used with/],
    ['an input that is not JSON', ['run', 'echo', '--input', '{a:1}'], 2, /--input is not JSON.*\(INVALID_JSON\)/],
    ['two inputs', ['run', 'echo', '--input', '1', '--input-file', 'x'], 2, /not both.*\(INVALID_REQUEST\)/],
    ['a missing input file', ['run', 'echo', '--input-file', 'no.json'], 2, /cannot read the input file \/nowhere\/no.json/],
    ['a missing agent file', ['deploy', 'no.ts'], 2, /no file \/nowhere\/no.ts.*bullpen init.*\(NOT_FOUND\)/],
  ])('ends with 2 on %s and sends nothing', async (_, args, exitCode, message) => {
    const result = await bullpen(args);
    expect([result.exitCode, result.out, result.asked]).toEqual([exitCode, '', []]);
    expect(result.err).toMatch(message);
  });

  it('ends with 3 when the API cannot be reached, and says what to do', async () => {
    const { exitCode, err } = await bullpen(['runs'], { down: true });
    expect(exitCode).toBe(3);
    expect(err).toMatch(/^bullpen: no answer from http:\/\/api.test: ECONNREFUSED; start it with `npm start`.*\(API_UNREACHABLE\)\n$/);
  });

  it('ends with 4 when the API refuses, with its code', async () => {
    const refuse = { status: 404, code: 'AGENT_NOT_FOUND', detail: 'no agent echo in acme' };
    const { exitCode, err } = await bullpen(['run', 'echo'], { refuse });
    expect(exitCode).toBe(4);
    expect(err).toMatch(/^bullpen: no agent echo in acme; deploy it with `npx bullpen deploy`.*\(AGENT_NOT_FOUND\)\n$/);
    const forMachines = await bullpen(['runs', '--json'], { refuse });
    expect(JSON.parse(forMachines.err)).toMatchObject({ error: { code: 'AGENT_NOT_FOUND' } });
  });

  it.each([
    [['runs', '--limit', 'x']], [['runs', '--state', 'nope']], [['rnu', 'echo']], [['run']], [['run', 'echo', '--inptu', '1']], [['keys', 'nope']], [[]],
  ])('answers %j with one JSON error for machines, and 2', async (args) => {
    const { exitCode, out, err, asked } = await bullpen([...args, '--json']);
    expect([exitCode, out, asked]).toEqual([2, '', []]);
    expect(JSON.parse(err)).toEqual({ error: { code: 'INVALID_REQUEST', message: expect.stringMatching(/^(?!error)[^\n]+$/) } });
  });

  it('takes the admin\'s key for what only he may do, with the organization of the other key', async () => {
    for (const command of ['pause', 'resume']) {
      const { asked } = await bullpen([command, '--org', 'acme']);
      expect(asked).toMatchObject([{ line: 'PATCH /v1/organizations/acme', key: 'Bearer admin', body: { limits: { paused: command === 'pause' } } }]);
    }
    expect((await bullpen(['secrets', 'rewrap'])).asked).toMatchObject([{ line: 'POST /api/admin/secrets/rewrap', key: 'Bearer admin' }]);
  });

  it.each([
    ['webhooks list', { id: 'whk_01m83jjn4wa8fjy11ndm7yxaxw', url: 'https://hooks.example.com/a/rather/long/path', eventTypes: ['run.failed', 'run.timed_out'], alertRuleId: null, disabledAt: AT, disabledReason: 'its address is gone (410)', failingSince: AT }],
    ['webhooks deliveries whk_1', { id: 'dlv_01m83jjrx9v9j9zkcphwjeargc', eventType: 'run.succeeded', state: 'failed', attempts: 10, last: { status: null, error: 'hooks.example.com could not be reached, or broke off (ABORT_ERR)', durationMs: 15_000 }, nextAt: AT, createdAt: AT }],
    ['triggers list', { name: 'a-trigger-with-a-rather-long-name', run: { agent: 'document-indexer' }, scheme: 'standard', enabled: true, lastEventAt: null }],
  ])('fits `%s` into a narrow terminal, colours or none', async (command, item) => {
    const linesAt = async (columns: number, color: boolean) => {
      let text = '';
      const sink = { write: (more: string) => (text += more), isTTY: true, columns };
      await bullpen(command.split(' '), { page: { items: [item], nextCursor: null } }, { output: createOutput({ stdout: sink, stderr: sink, color }) });
      // eslint-disable-next-line no-control-regex -- colours are what this takes away
      return text.trimEnd().replace(/\u001B\[\d+m/g, '').split('\n').map((line) => line.trimEnd());
    };
    for (const columns of [60, 80]) expect(Math.max(...(await linesAt(columns, false)).map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(await linesAt(60, true)).toEqual(await linesAt(60, false));
  });

  it('says which version it is', async () => {
    expect(await bullpen(['--version'])).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it('shows help and the exit codes with 0', async () => {
    const { exitCode, out } = await bullpen(['--help']);
    expect(exitCode).toBe(0);
    expect(out).toContain('Exit codes:');
  });

  it('acts as the admin for an organization without a key of its own', async () => {
    const { asked } = await bullpen(['runs', '--org', 'globex']);
    expect(asked[0]).toMatchObject({ key: 'Bearer admin', org: 'globex' });
  });

  it('lists runs as a table', async () => {
    const { out } = await bullpen(['runs', '--state', 'failed', '--agent', 'echo'], { page: { items: [FAILED, { ...RUN, usage: null }], nextCursor: null } });
    expect(out.trimEnd().split('\n')).toEqual([
      'RUN    AGENT    STATE      TRIES   QUEUED   WALL   CPU  ERROR',
      'run_1  echo v3  failed       1/1  5 s ago  12 ms  3 ms  AGENT_THREW',
      'run_1  echo v3  succeeded    1/1  5 s ago      -     -',
    ]);
  });

  it('follows logs on stdout and says how the run stands', async () => {
    const { exitCode, out, err, asked } = await bullpen(['logs', 'run_1', '-f']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/info {6}working/);
    expect(err).toContain('✔ succeeded');
    expect(asked.map((one) => one.line)).toContain('GET /v1/runs/run_1/events');
    expect((await bullpen(['logs', 'run_1'])).asked.map((one) => one.line)).toContain('GET /v1/runs/run_1/events?follow=false');
  });

  it('cancels a run', async () => {
    const { exitCode, out, asked } = await bullpen(['cancel', 'run_1']);
    expect([exitCode, out]).toEqual([0, 'run_1 is running; its worker was told to stop it\n']);
    expect(asked[0]?.line).toBe('POST /v1/runs/run_1/cancel');
  });

  it('passes what follows `up` on as it is', async () => {
    const passed: string[][] = [];
    const { exitCode } = await bullpen(['up', '--exit', '--port', '3000'], {}, { inCheckout: async (entry, args) => { passed.push([entry, ...args]); return 7; } });
    expect([exitCode, passed]).toEqual([7, [['up', '--exit', '--port', '3000']]]);
  });

  it('passes the name of a benchmark on, and --json', async () => {
    const passed: string[][] = [];
    const { exitCode } = await bullpen(['bench', 'latency', '--json'], {}, { inCheckout: async (entry, args) => { passed.push([entry, ...args]); return 0; } });
    expect([exitCode, passed]).toEqual([0, [['bench', 'latency', '--json']]]);
  });

  it('takes address and organization from bullpen.config.ts where neither flag nor environment says them', async () => {
    const project = { apiUrl: 'http://api.test', org: 'acme', path: '/p/bullpen.config.ts', dir: '/p' };
    const found = { findProject: async () => project, findCredentials: () => ({ apiUrl: 'http://api.test', orgs: { globex: 'globex-key', acme: 'acme-key' }, path: 'c.json' }) };
    expect((await bullpen(['runs'], {}, found)).asked[0]?.key).toBe('Bearer acme-key');
    expect((await bullpen(['runs', '--org', 'globex'], {}, found)).asked[0]?.key).toBe('Bearer globex-key');
    const elsewhere = await bullpen(['runs'], {}, { ...found, findProject: async () => ({ ...project, apiUrl: 'http://other.test' }) });
    expect([elsewhere.exitCode, elsewhere.asked]).toEqual([2, []]);
    expect(elsewhere.err).toContain('are for http://api.test, not for http://other.test');
  });

  it('is stopped by a broken config only where the config is asked for', async () => {
    const broken = { findProject: () => Promise.reject(new BullpenError('CONFIG_INVALID', 'bullpen.config.ts cannot be loaded')) };
    expect(await bullpen(['runs'], {}, broken)).toMatchObject({ exitCode: 2, err: expect.stringContaining('(CONFIG_INVALID)') });
    expect((await bullpen(['completion', 'bash'], {}, broken)).exitCode).toBe(0);
  });

  it('prints the secret of a new key alone, so that it can be piped', async () => {
    const key = { id: 'key_1', role: 'viewer', secret: 'bp_secret', name: 'ci' };
    const { out, asked } = await bullpen(['keys', 'create', 'ci', '--role', 'viewer'], { run: key });
    expect(out).toBe('bp_secret\n');
    expect(asked.at(-1)).toMatchObject({ line: 'POST /v1/keys', body: { name: 'ci', role: 'viewer' } });
  });

  it('lists keys with how their secrets begin, and what became of them', async () => {
    const key = { id: 'key_1', name: 'ci', role: 'owner', prefix: 'bp_12345678', expiresAt: null, revokedAt: AT, lastUsedAt: null };
    const { out } = await bullpen(['keys'], { page: { items: [key], nextCursor: null } });
    expect(out).toMatch(/key_1\s+ci\s+owner\s+bp_12345678\.\.\.\s+revoked\s+never/);
  });

  it('rolls a deployment back in one call', async () => {
    const { out, asked } = await bullpen(['rollback', 'echo'], { run: { version: 2, lastRollback: { from: 3 } } });
    expect(asked.at(-1)?.line).toBe('POST /v1/agents/echo/deployments/production/rollback');
    expect(out).toContain('production of echo is back at v2 from v3');
  });
});

describe('bullpen kill', () => {
  it('kills the container of a run, with the admin\'s key, when told that it is meant', async () => {
    const { exitCode, out, asked } = await bullpen(['kill', 'run_1', '--yes', '--org', 'acme']);
    expect([exitCode, out]).toEqual([0, 'wkr_1 was told to kill ctr_1 of acme, which runs run_1\n']);
    expect(asked).toEqual([expect.objectContaining({ line: 'POST /api/admin/runtime/runs/acme/run_1/kill', key: 'Bearer admin', org: undefined })]);
  });

  it('does nothing where it is not sure', async () => {
    const unsure = await bullpen(['kill', 'run_1']);
    const unknown = await bullpen(['kill', 'agent', '--yes']);
    expect([unsure.exitCode, unknown.exitCode, unsure.asked, unknown.asked]).toEqual([2, 2, [], []]);
    expect(unsure.err).toContain('say --yes');
  });
});

describe('bullpen doctor', () => {
  const finding = (name: string, found: number, repaired: number) => ({ name, meaning: 'what it means', found, repaired, examples: found === 0 ? [] : [{ orgId: 'acme', runId: 'run_1', detail: 'waiting' }] });
  const report = (isSound: boolean, ...findings: object[]) => ({ at: AT, tookMs: 12, rows: 5, jobs: 4, organizations: 2, isSound, findings });

  it('says what it compared, found and did, and ends with 0 when all is sound', async () => {
    const { exitCode, out, asked } = await bullpen(['doctor'], { page: report(true, finding('waiting_without_job', 1, 1), finding('job_twice', 0, 0)) });
    expect(exitCode).toBe(0);
    expect(asked[0]).toMatchObject({ line: 'POST /api/admin/doctor', key: 'Bearer admin', body: { repair: true } });
    expect(out).toContain('compared 5 runs that have not ended with 4 jobs of 2 organizations in 12 ms');
    expect(out).toMatch(/mended waiting_without_job: 1 found, 1 repaired\n {7}what it means\n {9}acme {2}run_1 {2}waiting/);
    expect(out).toContain('sound: no run is lost, duplicated or leaked any more');
  });

  it('ends with 1 where a fault is still there', async () => {
    const { exitCode, out, asked } = await bullpen(['doctor', '--check-only'], { page: report(false, finding('job_without_row', 2, 0)) });
    expect([exitCode, asked[0]?.body]).toEqual([1, { repair: false }]);
    expect(out).toContain('fault  job_without_row: 2 found, 0 repaired');
  });

  const tiers = [
    { tier: 'enhanced', isBuilt: true, target: 'namespaces', achieved: 'another account', cases: [] },
    { tier: 'strict', isBuilt: true, target: 'a cell', achieved: 'a cell', cases: [{ name: 'has no capability', passed: true }, { name: 'is limited', passed: true }] },
  ];

  it('shows each tier\'s target and achieved level, the date and the cases', async () => {
    const { exitCode, out } = await bullpen(['doctor', '--isolation'], { page: [{ id: 'wkr_1', host: 'node-a', platform: 'linux x64', isolation: { at: AT, probes: [], tiers } }] });
    expect(exitCode).toBe(0);
    expect(out).toContain(`node-a, linux x64, wkr_1\n  tried ${AT}\n  weaker     enhanced: another account\n             target: namespaces`);
    expect(out).toContain('at target  strict: a cell\n             2 of 2 cases held');
  });

  it('tries this machine where it is asked to, and says where a system is for development only', async () => {
    const here = await bullpen(['doctor', '--isolation', '--here']);
    expect([here.exitCode, here.asked]).toEqual([0, []]);
    expect(here.out).toContain('this machine');
    const mac = await bullpen(['doctor', '--isolation'], { page: [{ id: 'wkr_1', host: 'mac', platform: 'darwin arm64', isolation: { at: AT, probes: [], tiers: [] } }] });
    expect(mac.out).toContain('for development only');
  });
});

describe('bullpen secrets', () => {
  it('sets a value that is piped in, without its line end, and does not show it', async () => {
    const { exitCode, out, err, asked } = await bullpen(['secrets', 'set', 'TOKEN'], {}, { readStdin: async () => 'hidden-value\n' });
    expect([exitCode, out]).toEqual([0, 'TOKEN is set (version 2)\n']);
    expect(asked).toMatchObject([{ line: 'PUT /v1/secrets/TOKEN', body: { value: 'hidden-value' }, key: 'Bearer acme-key' }]);
    expect(out + err).not.toContain('hidden');
  });

  it('asks for a value where none is given', async () => {
    const { exitCode, err, asked } = await bullpen(['secrets', 'set', 'TOKEN']);
    expect([exitCode, asked]).toEqual([2, []]);
    expect(err).toContain('no value');
  });

  it('lists names and versions, and deletes', async () => {
    const { out } = await bullpen(['secrets', 'list'], { page: { items: [{ name: 'TOKEN', version: 3, createdAt: AT, updatedAt: AT }] } });
    expect(out).toMatch(/NAME +VERSION +SET\nTOKEN +3 +5 s ago/);
    const removed = await bullpen(['secrets', 'rm', 'TOKEN']);
    expect([removed.exitCode, removed.asked[0]?.line]).toEqual([0, 'DELETE /v1/secrets/TOKEN']);
  });
});
