import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newSigningSecret, signStandardWebhook } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import { bullpen, type Ended } from '../system/bullpen-command.ts';
import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';
import { LOOPBACK_RANGE, startReceiver, type WebhookReceiver } from '../system/webhook-receiver.ts';

jest.setTimeout(120_000);

/** What docs/webhooks.md says to type, typed; and the commands that it names. */
const TEST_DIR = fileURLToPath(new URL('..', import.meta.url));
const blocks = (language: string): string[] => [...readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8').matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code ?? '');

let system: RunningSystem;
let receiver: WebhookReceiver;
let acme: BullpenClient;
let key: string;
let dir: string;

beforeAll(async () => {
  receiver = await startReceiver();
  system = await startSystem({ queue: 'redis', workers: 1, env: { BULLPEN_WEBHOOK_PRIVATE_RANGES: LOOPBACK_RANGE } });
  acme = await system.organization('acme');
  key = (await system.admin.keys.create({ orgId: 'acme' })).secret;
  await deploy(acme, 'greeter', 'async (input) => input');
  dir = await mkdtemp(join(tmpdir(), 'bullpen-webhooks-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
  await system.stop();
  await receiver.stop();
});

describe('docs/webhooks.md', () => {
  it('has requests that are answered as it says', async () => {
    const requests = blocks('sh').map((block) => ({ path: /\$URL(\/[^\s"]+)/.exec(block)?.[1], body: /-d '([^]*)'/.exec(block)?.[1] }));
    expect(requests.map(({ path }) => path)).toEqual(['/v1/webhooks', '/v1/triggers']);
    const answers = await Promise.all(requests.map(async ({ path, body }) => {
      const answer = await fetch(`${system.apis[0]!.url()}${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: body! });
      return { status: answer.status, body: await answer.json() as { secret: string; url: string } };
    }));
    expect(answers).toMatchObject([{ status: 201, body: { secret: expect.stringMatching(/^whsec_/) } }, { status: 201, body: { secret: expect.stringMatching(/^whsec_/), url: expect.stringMatching(/\/v1\/hooks\/trg_/) } }]);
  });

  it('has a receiver that takes what is signed and refuses the rest', async () => {
    const [block] = blocks('ts');
    const secret = newSigningSecret();
    const body = JSON.stringify({ type: 'run.failed', timestamp: new Date().toISOString(), data: { runId: 'run_1' } });
    const timestampS = Math.floor(Date.now() / 1000);
    const headers = { 'webhook-id': 'evt_1', 'webhook-timestamp': String(timestampS), 'webhook-signature': await signStandardWebhook({ id: 'evt_1', timestampS, body }, [secret]) };
    const call = (sent: string) => `await receive(new Request('http://receiver', { method: 'POST', headers: ${JSON.stringify(headers)}, body: ${JSON.stringify(sent)} }), ${JSON.stringify(secret)}).then(({ status }) => status, ({ code }) => code)`;
    const program = `${block}\nconsole.log(${call(body)}, ${call(`${body} `)});`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', program], { cwd: TEST_DIR });
    expect(stdout).toBe('failed run_1\n204 SIGNATURE_INVALID\n');
  });
});

describe('the bullpen command', () => {
  const cli = (...args: string[]): Promise<Ended> => bullpen(args, { cwd: dir, env: { BULLPEN_API_URL: system.apis[0]!.url(), BULLPEN_API_KEY: key } });
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await cli(...args, '--json')).stdout) as T;

  it('makes, tests, replays, rotates, disables and deletes a webhook', async () => {
    const made = await json<{ id: string; secret: string }>('webhooks', 'create', receiver.url('/cli'), '--on', 'run.failed', 'deployment.*');
    const { id: deliveryId } = await json<{ id: string }>('webhooks', 'test', made.id);
    await eventually('it is told', async () => ((await acme.webhooks.delivery(made.id, deliveryId)).state === 'delivered' ? true : undefined));
    expect((await cli('webhooks', 'deliveries', made.id)).stdout).toMatch(/webhook\.test\s+delivered\s+1\s+204 in/);
    expect((await cli('webhooks', 'replay', made.id, deliveryId)).stdout).toContain('is sent again');
    expect((await cli('webhooks', 'replay', made.id, '--since', '2026-01-01T00:00:00Z')).stdout).toBe('0 deliveries are sent again\n');
    expect(await cli('webhooks', 'replay', made.id)).toMatchObject({ stderr: expect.stringContaining('give either a delivery or --since') });
    expect((await cli('webhooks', 'rotate', made.id)).stdout).toMatch(/^whsec_\S+\n$/);
    expect((await cli('webhooks', 'disable', made.id)).exitCode).toBe(0);
    expect((await cli('webhooks')).stdout).toMatch(/disabled: by its owner/);
    expect((await cli('webhooks', 'enable', made.id)).exitCode).toBe(0);
    expect((await cli('webhooks', 'delete', made.id)).exitCode).toBe(0);
    expect((await cli('webhooks', 'test', made.id)).stderr).toContain('NOT_FOUND');
  });

  it('makes a trigger whose URL starts runs, and switches it', async () => {
    const made = await cli('triggers', 'create', 'orders', 'greeter', '--scheme', 'none', '--event-id', '/order', '--input', '{ "order": { "$event": "/body/order" } }');
    expect(made).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^http\S+\/v1\/hooks\/trg_\S+\n$/) });
    const post = () => fetch(made.stdout.trim(), { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"order": 7}' });
    const { runId } = await (await post()).json() as { runId: string };
    expect((await acme.runs.wait(runId)).result).toEqual({ order: 7 });
    expect((await cli('triggers')).stdout).toMatch(/orders\s+greeter\s+none\s+takes events/);
    await cli('triggers', 'disable', 'orders');
    expect((await post()).status).toBe(410);
    await cli('triggers', 'enable', 'orders');
    expect((await cli('triggers', 'rotate', 'orders', '--overlap', '0')).stdout).toMatch(/^http/);
    expect((await post()).status).toBe(404);
    expect((await cli('triggers', 'delete', 'orders')).exitCode).toBe(0);
    expect(await cli('triggers', 'create', 'broken', 'greeter', '--input', '{')).toMatchObject({ stderr: expect.stringContaining('--input is no JSON') });
  });
});
