import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bundleAgent } from '@bullpen/cli';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

describe('what an agent declares', () => {
  let system: RunningSystem;
  let acme: BullpenClient;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bullpen-contracts-'));
    system = await startSystem({ queue: 'redis', workers: 1 });
    acme = await system.organization('acme');
  });
  afterAll(async () => {
    await system.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const inputSchema = { type: 'object', required: ['name'], properties: { name: { type: 'string' } }, additionalProperties: false };

  it('is held against inputs at the door, of runs and of schedules', async () => {
    await deploy(acme, 'typed', 'async ({ name }) => name', { inputSchema });
    expect(await acme.runs.create({ agent: 'typed', input: { name: 'Ada' } }, { wait: '30s' })).toMatchObject({ state: 'succeeded', result: 'Ada' });
    await expect(acme.runs.create({ agent: 'typed', input: { name: 1, more: 2 } })).rejects.toMatchObject({
      code: 'INPUT_INVALID', facts: { issues: expect.arrayContaining([{ path: 'input.name', message: 'must be string' }]) },
    });
    const { secret } = await system.admin.keys.create({ orgId: 'acme' });
    const answer = await fetch(`${system.apis[0]?.url()}/v1/schedules`, {
      method: 'POST', headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'wrong', cron: '@daily', run: { agent: 'typed' } }),
    });
    expect([answer.status, await answer.json()]).toEqual([422, expect.objectContaining({ code: 'INPUT_INVALID' })]);
  });

  it('is held against results at the end', async () => {
    await deploy(acme, 'promises', 'async (input) => input', { outputSchema: { type: 'array', items: { type: 'integer' } } });
    expect(await acme.runs.create({ agent: 'promises', input: [1, 2] }, { wait: '30s' })).toMatchObject({ state: 'succeeded' });
    const broken = await acme.runs.create({ agent: 'promises', input: [1, 'two'], maxAttempts: 3 }, { wait: '30s' });
    expect(broken).toMatchObject({ state: 'failed', attempt: 1, result: null, error: { code: 'OUTPUT_INVALID', message: 'the result does not fit its schema: result.1: must be integer' } });
  });

  it('is refused at the upload where it cannot be used', async () => {
    await expect(deploy(acme, 'senseless', 'async () => 1', { inputSchema: { type: 'nothing' } })).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    await expect(deploy(acme, 'remote', 'async () => 1', { inputSchema: { $ref: 'http://10.0.0.1/' } })).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
  });

  it('keeps a schema that never ends from keeping anybody else', async () => {
    await deploy(acme, 'endless', 'async () => 1', { inputSchema: { type: 'string', pattern: '^(a+)+$' } });
    const costly = acme.runs.create({ agent: 'endless', input: `${'a'.repeat(60)}!` });
    const other = acme.runs.create({ agent: 'typed', input: { name: 'Ben' } }, { wait: '30s' });
    await expect(costly).rejects.toMatchObject({ code: 'SCHEMA_TOO_COSTLY' });
    expect(await other).toMatchObject({ state: 'succeeded' });
  });

  it('shows stacks by the lines of the author, after bundling', async () => {
    const file = join(dir, 'agent.ts');
    await writeFile(file, [
      'interface Unused { gone: string }',
      'function thrower(what: string): never {',
      '  throw new Error(`cannot ${what}`);',
      '}',
      `export default { name: 'stacked', run: (): string => thrower('count') };`,
    ].join('\n'));
    const { name, manifest, bundle, sha256 } = await bundleAgent({ file, sourcemap: true });
    await acme.agents.deploy(name, { manifest, bundle, sha256 });
    const run = await acme.runs.create({ agent: name }, { wait: '30s' });
    expect(run).toMatchObject({ state: 'failed', error: { code: 'AGENT_THREW', message: 'cannot count' } });
    expect(run.error?.stack).toMatch(/at thrower \(agent\.ts:3:9\)/);
    expect(run.error?.stack).toMatch(/agent\.ts:5:/);
    expect(run.error?.stack).not.toContain('bundle.mjs');
  });
});
