import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { commandPaths } from '@bullpen/cli';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { bullpen, type CommandOptions } from '../system/bullpen-command.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

// Every command is a process of its own, and some of them do much.
jest.setTimeout(300_000);

interface Call {
  args: string[];
  exitCode?: number;
  stdin?: string;
  admin?: boolean;
}

/** Started by `npm start` and by the benchmarks' own tests; they print what those print. */
const ELSEWHERE = ['up'];

describe('every command with --json', () => {
  let system: RunningSystem;
  let dir: string;
  let ended = '';
  let asleep = '';
  let keyId = '';
  let secret = '';
  let webhookId = '';

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    const acme = await system.organization('acme');
    await system.organization('globex');
    await deploy(acme, 'echo', 'async (input, ctx) => { ctx.log("got it"); return input; }');
    await deploy(acme, 'sleeper', '(input, ctx) => new Promise((_, no) => ctx.signal.addEventListener("abort", () => no(ctx.signal.reason)))');
    await acme.agents.deploy('echo', { bundle: 'export default { name: "echo", run: (input) => input };\n' });
    await acme.deployments.put('echo', 'production', { version: 1 });
    await acme.deployments.put('echo', 'production', { version: 2 });
    ended = (await acme.runs.create({ agent: 'echo', input: 1 }, { wait: '30s' })).id;
    asleep = (await acme.runs.create({ agent: 'sleeper', timeoutMs: 600_000 })).id;
    keyId = (await system.admin.keys.create({ orgId: 'acme', role: 'viewer' })).id;
    secret = (await system.admin.keys.create({ orgId: 'acme', role: 'owner' })).secret;
    webhookId = (await acme.webhooks.create({ url: 'https://hooks.example.com/known', eventTypes: ['run.failed'] })).id;
    dir = await mkdtemp(join(tmpdir(), 'bullpen-json-'));
    await mkdir(join(dir, '.bullpen'));
    await writeFile(join(dir, '.bullpen', 'credentials.json'), JSON.stringify({ apiUrl: system.apis[0]!.url(), adminKey: ADMIN_KEY, orgs: { acme: secret } }));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
    await system.stop();
  });

  /** In this order: later ones work on what earlier ones made. */
  const calls = (): Record<string, Call> => ({
    init: { args: ['made'] },
    deploy: { args: ['made'] },
    rollback: { args: ['echo'] },
    run: { args: ['echo', '--input', '[1]'] },
    runs: { args: [] },
    logs: { args: [ended, '-f'] },
    why: { args: [ended] },
    replay: { args: [ended] },
    batch: { args: ['--wait'], stdin: '[{"agent":"echo","input":1},{"agent":"echo","input":2}]' },
    cancel: { args: [asleep] },
    drain: { args: [] },
    'schedules create': { args: ['nightly', 'echo', '--cron', '0 3 * * *'] },
    'schedules list': { args: [] },
    'schedules pause': { args: ['nightly'] },
    'schedules resume': { args: ['nightly'] },
    'schedules next': { args: ['nightly'] },
    'schedules delete': { args: ['nightly'] },
    'keys create': { args: ['ci', '--role', 'viewer'] },
    'keys list': { args: [] },
    'keys rotate': { args: [keyId] },
    'keys revoke': { args: [keyId] },
    'secrets set': { args: ['TOKEN', '--value', 'abc'] },
    'secrets list': { args: [] },
    'secrets rm': { args: ['TOKEN'] },
    'secrets rewrap': { args: [], admin: true },
    'webhooks create': { args: ['https://hooks.example.com/bullpen', '--on', 'run.failed'] },
    'webhooks list': { args: [] },
    'webhooks disable': { args: [webhookId] },
    'webhooks enable': { args: [webhookId] },
    'webhooks test': { args: [webhookId] },
    'webhooks deliveries': { args: [webhookId] },
    'webhooks replay': { args: [webhookId, '--since', '2026-01-01T00:00:00.000Z'] },
    'webhooks rotate': { args: [webhookId] },
    'webhooks delete': { args: [webhookId] },
    'triggers create': { args: ['orders', 'echo'] },
    'triggers list': { args: [] },
    'triggers disable': { args: ['orders'] },
    'triggers enable': { args: ['orders'] },
    'triggers rotate': { args: ['orders'] },
    'triggers delete': { args: ['orders'] },
    'orgs create': { args: ['initech', '--concurrency', '3'] },
    'orgs list': { args: [] },
    'orgs show': { args: ['initech'] },
    'orgs set': { args: ['initech', '--weight', '2', '--rate', '10/1000'] },
    'orgs delete': { args: ['initech', '--yes'] },
    pause: { args: ['--org', 'globex'], admin: true },
    resume: { args: ['--org', 'globex'], admin: true },
    doctor: { args: [] },
    top: { args: [] },
    bench: { args: ['--runs', '20', '--at-once', '4', '--tier', 'basic'] },
    verify: { args: ['--runs', '5'] },
    kill: { args: ['run_0000000000000000000000000a', '--yes'], exitCode: 4 },
    names: { args: ['agents'] },
    completion: { args: ['bash'] },
  });

  it('is called here, whatever commands there are', () => {
    expect(Object.keys(calls()).toSorted()).toEqual(commandPaths().filter((path) => !ELSEWHERE.includes(path)).toSorted());
  });

  it('prints one JSON value and nothing else to stdout; an error is one on stderr', async () => {
    for (const [path, { args, exitCode = 0, stdin, admin = false }] of Object.entries(calls())) {
      const options: CommandOptions = { cwd: dir, ...(stdin === undefined ? {} : { stdin }), ...(admin ? { env: { BULLPEN_API_KEY: ADMIN_KEY, BULLPEN_API_URL: system.apis[0]!.url() } } : {}) };
      const { exitCode: code, stdout, stderr } = await bullpen([...path.split(' '), ...args, '--json'], options);
      expect({ path, code, stderr: code === exitCode ? '' : stderr }).toEqual({ path, code: exitCode, stderr: '' });
      const said = exitCode === 0 ? stdout : stderr;
      expect({ path, lines: said.trimEnd().split('\n').length, isObject: isJsonValue(said) }).toEqual({ path, lines: 1, isObject: true });
      expect({ path, other: exitCode === 0 ? '' : stdout }).toEqual({ path, other: '' });
    }
  });
});

function isJsonValue(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null;
}
