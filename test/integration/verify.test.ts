import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import postgres from 'postgres';

import { bullpen, type CommandOptions, type Ended } from '../system/bullpen-command.ts';
import { ADMIN_KEY, startSystem, type RunningSystem } from '../system/running-system.ts';

// A verification tries limits and load: seconds alone, more beside other tests.
jest.setTimeout(180_000);

interface Verified {
  passed: boolean;
  interrupted: boolean;
  checks: { check: string; status: string; said: string; runIds: string[]; figures: Record<string, number | string> }[];
}

const verify = (system: RunningSystem, args: string[] = [], more: Partial<CommandOptions> = {}): Promise<Ended> => bullpen(['verify', ...args], {
  cwd: '/', env: { BULLPEN_API_URL: system.apis[0]!.url(), BULLPEN_API_KEY: ADMIN_KEY }, ...more,
});
const reportOf = ({ stdout }: Ended): Verified => JSON.parse(stdout) as Verified;
const failedIn = (ended: Ended): Record<string, string> => Object.fromEntries(reportOf(ended).checks.filter(({ status }) => status === 'failed').map(({ check, said }) => [check, said]));
const organizationsOf = async (system: RunningSystem): Promise<string[]> => (await system.admin.organizations.list()).items.map(({ id }) => id);

describe('bullpen verify on a sound system', () => {
  let system: RunningSystem;
  beforeAll(async () => { system = await startSystem({ queue: 'redis', workers: 1 }); });
  afterAll(async () => { await system.stop(); });

  it('says of every line what it saw, with figures and runs, ends with 0 and leaves nothing', async () => {
    const ended = await verify(system, ['--json']);
    expect(failedIn(ended)).toEqual({});
    const { passed, checks } = reportOf(ended);
    expect([ended.exitCode, passed]).toEqual([0, true]);
    expect(checks.map(({ check }) => check)).toEqual([
      'workers are connected', 'organizations are created', 'organizations are kept apart', 'secrets are kept apart',
      'walls, basic', 'walls, enhanced', 'walls, strict', 'walls, every worker',
      'memory limit, basic', 'memory limit, enhanced', 'memory limit, strict', 'timeout, basic', 'timeout, enhanced', 'timeout, strict',
      '100 runs at once', 'metrics are collected', 'metrics are aggregated', 'health is scored', 'cleaned up',
    ]);
    const figuresOf = (name: string) => checks.find(({ check }) => check === name)?.figures;
    expect(figuresOf('walls, strict')).toMatchObject({ tries: 8, secrets: 'SECRET_NOT_FOUND', egress: 'EGRESS_DENIED' });
    expect(figuresOf('walls, basic')).toMatchObject({ tries: 5 });
    expect(figuresOf('memory limit, enhanced')).toMatchObject({ limitMb: 64, state: 'out_of_memory' });
    expect(figuresOf('timeout, strict')).toMatchObject({ state: 'timed_out' });
    expect(figuresOf('100 runs at once')).toMatchObject({ runs: 100 });
    expect(figuresOf('metrics are collected')).toMatchObject({ recorded: 100, counted: 100 });
    expect(figuresOf('metrics are aggregated')).toMatchObject({ timed_out: 3, out_of_memory: 3, strict: 3, enhanced: 3, basic: 3 });
    expect(checks.filter(({ check }) => /wall|limit|timeout|runs at once/.test(check) && check !== 'walls, every worker').every(({ runIds }) => runIds.length > 0)).toBe(true);
    expect(await organizationsOf(system)).toEqual([]);
  });

  it('cleans up after Ctrl-C, says what was not tried, and ends with 130', async () => {
    let interrupted = false;
    const child = verify(system, ['--json', '--runs', '1000'], {
      interruptWhen: async () => {
        interrupted = (await organizationsOf(system)).some((id) => id.endsWith('-load'));
        return interrupted;
      },
    });
    const ended = await child;
    expect(interrupted).toBe(true);
    expect(ended).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('cleaning up') });
    const { passed, interrupted: said, checks } = reportOf(ended);
    expect([passed, said]).toEqual([false, true]);
    expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(checks.find(({ check }) => check === 'health is scored')).toMatchObject({ status: 'not_tried', said: 'interrupted' });
    expect(checks.at(-1)).toMatchObject({ check: 'cleaned up', status: 'passed' });
    expect(await organizationsOf(system)).toEqual([]);
  });

  it('fails on its first line for a key that is not the admin\'s, and tries nothing', async () => {
    await system.organization('acme');
    const { secret } = await system.admin.keys.create({ orgId: 'acme', role: 'owner' });
    const ended = await verify(system, [], { env: { BULLPEN_API_URL: system.apis[0]!.url(), BULLPEN_API_KEY: secret } });
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toMatch(/✖ workers are connected.*\n.*has the role owner: verify needs the platform admin's/);
    expect(ended.stdout).toMatch(/- organizations are created/);
  });
});

describe('bullpen verify on a system', () => {
  let system: RunningSystem;
  afterEach(async () => { await system.stop(); });

  it('that counts no runs says so on the lines of metrics and health, and on no other', async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    const sql = postgres(system.env['DATABASE_URL']!, { max: 1 });
    await sql.unsafe(`
      CREATE FUNCTION lose_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER lose_it BEFORE INSERT ON run_metrics FOR EACH ROW EXECUTE FUNCTION lose_it();
    `);
    await sql.end();
    const ended = await verify(system, ['--json', '--runs', '10', '--figures-within', '3']);
    expect(ended.exitCode).toBe(1);
    expect(failedIn(ended)).toEqual({
      'metrics are collected': expect.stringMatching(/^10 runs of verify-\w+-load have ended, the metrics know of 0 after 3 s/),
      'metrics are aggregated': expect.stringContaining('3 runs are timed_out, the metrics say 0'),
      'health is scored': expect.stringMatching(/^nothing is known of the health of verify-\w+-load/),
    });
    expect(await organizationsOf(system)).toEqual([]);
  });

  it('whose machine builds no walls says so on every line of strict, and what an agent of enhanced got at', async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    await system.startWorker({ namespaces: false });
    const ended = await verify(system, ['--json', '--runs', '10']);
    expect(ended.exitCode).toBe(1);
    const failed = failedIn(ended);
    for (const check of ['walls, strict', 'memory limit, strict', 'timeout, strict']) expect(failed[check]).toMatch(/^no worker can build tier strict/);
    expect(failed['walls, enhanced']).toMatch(/files: REACHED .*\/etc\/passwd.*network: REACHED 127\.0\.0\.1/);
    expect(failed['walls, every worker']).toMatch(/strict: .*; .*|enhanced: /);
    expect(Object.keys(failed)).not.toContain('walls, basic');
    expect(await organizationsOf(system)).toEqual([]);
  });

  it('without a worker fails on its first line', async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    const ended = await verify(system, ['--json']);
    expect(ended.exitCode).toBe(1);
    expect(failedIn(ended)).toEqual({ 'workers are connected': expect.stringContaining('no worker is connected') });
  });
});
