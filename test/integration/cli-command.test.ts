import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { bullpen, type CommandOptions, type Ended } from '../system/bullpen-command.ts';
import { ADMIN_KEY, deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

// Ample for a slow machine: a test here starts processes, bundles and whole systems.
jest.setTimeout(120_000);

/** The command against a real system, from a folder that is in no workspace. */
describe('the bullpen command', () => {
  let system: RunningSystem;
  let dir: string;
  const cli = (args: string[], more: Partial<CommandOptions> = {}): Promise<Ended> => bullpen(args, { cwd: dir, ...more });

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 1 });
    const client = await system.organization('acme');
    await system.organization('globex');
    await deploy(client, 'echo', 'async (input, ctx) => { ctx.log("got it", { input }); ctx.progress(0.5, "half"); return input; }', {});
    await deploy(client, 'thrower', 'async () => { throw new Error("no luck"); }', {});
    await deploy(client, 'sleeper', '(input, ctx) => { ctx.log("asleep"); return new Promise((_, no) => ctx.signal.addEventListener("abort", () => no(ctx.signal.reason))); }', {});
    dir = await mkdtemp(join(tmpdir(), 'bullpen-cli-'));
    await mkdir(join(dir, '.bullpen'));
    const { secret } = await system.admin.keys.create({ orgId: 'acme' });
    await writeFile(join(dir, '.bullpen', 'credentials.json'), JSON.stringify({ apiUrl: system.apis[0]!.url(), adminKey: ADMIN_KEY, orgs: { acme: secret } }));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
    await system.stop();
  });

  it('takes a newcomer from init over deploy to a run, outside any workspace and without an install', async () => {
    const made = await cli(['init', 'Word Count']);
    expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('npx bullpen run word-count') });
    expect((await readdir(join(dir, 'Word Count'))).sort()).toEqual(['README.md', 'agent.ts', 'input.json', 'tsconfig.json']);

    const inside = { cwd: join(dir, 'Word Count') };
    const deployed = await cli(['deploy'], inside);
    expect(deployed).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/word-count v1 is deployed in acme\n.*agent\.ts\n.*[0-9a-f]{64}\n/) });
    expect((await cli(['deploy'], inside)).stdout).toContain('word-count v1 in acme is unchanged');

    const ran = await cli(['run', 'word-count', '--input-file', 'input.json'], inside);
    expect(ran).toMatchObject({ exitCode: 0, stderr: expect.stringMatching(/counting[^]*✔ succeeded/) });
    expect(JSON.parse(ran.stdout)).toMatchObject({ words: 29, readingMinutes: 1 });
    expect((await cli(['run', 'word-count'], inside)).exitCode).toBe(0);
  });

  it.each([
    ['http', ['--input', '{"url":"http://127.0.0.1/"}'], 1, /EGRESS_DENIED|127\.0\.0\.1/],
    ['stateful', ['--input-file', 'input.json'], 0, /"visits": 1/],
  ] as const)('makes, from the template %s, an agent that deploys and runs', async (template, input, exitCode, said) => {
    const inside = { cwd: join(dir, `of-${template}`) };
    await cli(['init', `of-${template}`, '--template', template]);
    expect(await cli(['deploy'], inside)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`of-${template} v1 is deployed`) });
    const ran = await cli(['run', `of-${template}`, ...input], inside);
    expect({ ...ran, text: ran.stdout + ran.stderr }).toMatchObject({ exitCode, text: expect.stringMatching(said) });
  });

  it('deploys all agents that bullpen.config.ts of a project names', async () => {
    await cli(['init', 'shop', '--template', 'project']);
    const inside = { cwd: join(dir, 'shop', 'agents') };
    const deployed = await cli(['deploy', '--json'], inside);
    expect(JSON.parse(deployed.stdout)).toMatchObject({ deployed: [{ created: true, agent: 'shop-greeter' }, { created: true, agent: 'shop-counter' }] });
    expect((await cli(['run', 'shop-greeter', '--input', '{"name":"Ada"}'], inside)).stdout).toContain('Hello, Ada!');
    expect(JSON.parse((await cli(['run', 'shop-counter', '--input', '{"to":100}'], inside)).stdout)).toEqual({ sum: 5050 });
    await writeFile(join(dir, 'shop', 'bullpen.config.ts'), 'export default { agent: [] };');
    expect(await cli(['deploy'], inside)).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/has agent, which is nothing that is read; there are apiUrl, org, agents, deploy \(CONFIG_INVALID\)/) });
  });

  it('deploys a canary for a share and for chosen keys, rolls it back, and shows the author\'s lines in stacks', async () => {
    await cli(['init', 'lines']);
    const inside = { cwd: join(dir, 'lines') };
    const file = join(dir, 'lines', 'agent.ts');
    await cli(['deploy', '--to', 'production'], inside);
    await writeFile(file, "interface In { a: number }\n\nexport default {\n  name: 'lines',\n  run(_input: In): never {\n    throw new Error('on line six');\n  },\n};\n");
    const canary = await cli(['deploy', '--to', 'production', '--canary', '0.1', '--canary-for', 'ada', 'ben'], inside);
    expect(canary).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0.1 % of the runs of production and those of ada, ben') });
    expect(await cli(['run', 'lines', '--agent-version', '2'])).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/AGENT_THREW {2}on line six\n.*agent\.ts:6:/) });
    expect(await cli(['rollback', 'lines'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('production of lines is back at v1 from v2') });
  });

  it('waits for a batch, and ends with 1 where a run of it did not succeed', async () => {
    const both = await cli(['batch', '--wait'], { stdin: '[{"agent":"echo","input":1},{"agent":"thrower"}]' });
    expect(both).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^run_\w+ {2}succeeded\nrun_\w+ {2}failed\n$/), stderr: expect.stringContaining('2 of 2 are new, 1 succeeded') });
  });

  it('overwrites nothing', async () => {
    await cli(['init', 'twice']);
    await writeFile(join(dir, 'twice', 'agent.ts'), '// mine');
    const again = await cli(['init', 'twice']);
    expect(again).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/nothing was written.*\(ALREADY_EXISTS\)/) });
    expect(await readFile(join(dir, 'twice', 'agent.ts'), 'utf8')).toBe('// mine');
  });

  it('takes its input from stdin and gives the result to stdout alone', async () => {
    const ran = await cli(['run', 'echo'], { stdin: '{"a":[1,2]}' });
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual({ a: [1, 2] });
    expect(ran.stderr).toMatch(/info +got it {2}\{"input":\{"a":\[1,2\]\}\}/);
    expect(ran.stderr).toMatch(/progress +━+─+ +50 % {2}half/);
  });

  it('ends with 1 when the run fails, and shows its code and message', async () => {
    expect(await cli(['run', 'thrower'])).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(/✖ failed[^]*AGENT_THREW {2}no luck/) });
    expect((await cli(['run', 'thrower', '--wait'])).exitCode).toBe(1);
  });

  it('ends with 3 without an API, and with 4 and the code when the API refuses', async () => {
    expect(await cli(['runs', '--url', 'http://127.0.0.1:1024', '--key', 'x'])).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('(API_UNREACHABLE)') });
    expect(await cli(['run', 'nobody'])).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('(AGENT_NOT_FOUND)') });
    expect(await cli(['logs', 'run_nope'])).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('(NOT_FOUND)') });
    const wrongKey = await cli(['runs'], { env: { BULLPEN_API_KEY: 'wrong', BULLPEN_API_URL: system.apis[0]!.url() } });
    expect(wrongKey).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('(UNAUTHENTICATED)') });
  });

  it('cancels a run that another terminal follows', async () => {
    const { stdout: id } = await cli(['run', 'sleeper', '--detach']);
    let cancelling: Promise<Ended> | undefined;
    const following = await cli(['run', 'sleeper'], {
      onStderr(said) {
        const runId = /run_\w+/.exec(said)?.[0];
        if (said.includes('asleep') && cancelling === undefined) cancelling = cli(['cancel', runId!]);
      },
    });
    expect(await cancelling).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^run_\w+ is /) });
    expect(following).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('■ cancelled') });
    expect((await cli(['cancel', id.trim()])).exitCode).toBe(0);
    expect(await cli(['logs', id.trim(), '-f'])).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('■ cancelled') });
    expect(await cli(['cancel', id.trim()])).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('(RUN_ALREADY_FINISHED)') });
  });

  it('cancels and replays what is chosen, after a dry run, and each run once', async () => {
    expect(await cli(['replay', '--state', 'cancelled', '--dry-run'])).toMatchObject({ exitCode: 0, stdout: '2 match\n' });
    expect(await cli(['replay', '--state', 'cancelled', '--limit', '5'])).toMatchObject({ exitCode: 0, stdout: '2 replayed\n' });
    const [{ agent }] = (JSON.parse((await cli(['runs', '--limit', '1', '--json'])).stdout) as { items: [{ agent: string }] }).items;
    expect(await cli(['cancel', '--agent', agent])).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^[12] cancelled\n$/) });
    expect(await cli(['cancel'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('name a run, or choose some') });
    expect(await cli(['cancel', 'run_1', '--agent', agent])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('not both') });
  });

  it('stops watching at Ctrl-C and leaves the run alone', async () => {
    let interrupted = false;
    const watched = await cli(['run', 'sleeper'], {
      onStderr(said, kill) {
        if (!interrupted && said.includes('asleep')) kill('SIGINT');
        interrupted ||= said.includes('asleep');
      },
    });
    expect(watched).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('the run goes on') });
    const runId = /run_\w+/.exec(watched.stderr)![0];
    expect((await system.clientOf(system.apis[0]!, 'acme').runs.get(runId)).state).toBe('running');
    await cli(['cancel', runId]);
  });

  it('lists runs, for people and for machines, of the organization that is asked for', async () => {
    await cli(['run', 'thrower', '--wait']);
    expect((await cli(['runs', '--agent', 'thrower', '--state', 'failed', '--limit', '1'])).stdout).toMatch(/^RUN .*\nrun_\w+ +thrower v1 +failed +1\/1 .* AGENT_THREW\n$/);
    expect(JSON.parse((await cli(['runs', '--json', '--limit', '1'])).stdout)).toMatchObject({ items: [{ orgId: 'acme' }] });
    expect(await cli(['runs', '--org', 'globex'])).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('no runs yet') });
  });
});
