import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';

import { defineAgent } from '../define-agent.ts';
import { createTestRuntime } from './test-runtime.ts';

const greeter = defineAgent<{ name: string }, string>({
  name: 'greeter',
  inputSchema: z.object({ name: z.string().min(1) }),
  outputSchema: z.string().startsWith('Hello'),
  run: ({ name }, ctx) => {
    ctx.log('greeting', { name });
    return name === 'Bad' ? 'Go away' : `Hello, ${name}`;
  },
});

describe('createTestRuntime', () => {
  it('runs an agent to a run of the API\'s shape, with its log and its usage', async () => {
    const run = await createTestRuntime({ orgId: 'acme' }).run(greeter, { name: 'Ada' }, { metadata: { order: '7' }, tags: ['x'], version: 3 });
    expect(run).toMatchObject({
      orgId: 'acme', agent: 'greeter', version: 3, state: 'succeeded', result: 'Hello, Ada', error: null, attempt: 1, input: { name: 'Ada' },
      metadata: { order: '7' }, tags: ['x'], logs: [{ level: 'info', message: 'greeting', fields: { name: 'Ada' } }],
    });
    expect(run.usage?.wallMs).toBeGreaterThanOrEqual(0);
    expect(run.events.map(({ seq, attempt, event }) => [seq, attempt, event.type])).toEqual([[1_000_001, 1, 'log']]);
  });

  it('refuses what the API refuses, with its codes', async () => {
    const runtime = createTestRuntime();
    await expect(runtime.run(greeter, { name: '' })).rejects.toMatchObject({ code: 'INPUT_INVALID', facts: { issues: [{ path: 'input.name' }] } });
    await expect(runtime.run(greeter, { name: 'a\0b' })).rejects.toMatchObject({ code: 'INPUT_NOT_STORABLE' });
    await expect(runtime.run(greeter, { name: 'Ada' }, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    const odd = defineAgent({ name: 'odd', inputSchema: { not: { type: 'string' } }, run: () => 1 });
    await expect(runtime.run(odd, 1)).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    const strict = createTestRuntime({ checker: { check: (_schema, value) => (value === 1 ? [] : [{ path: '', message: 'must be one' }]) } });
    expect(await strict.run(odd, 1)).toMatchObject({ state: 'succeeded' });
    await expect(strict.run(odd, 2)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('holds the result against its schema', async () => {
    expect(await createTestRuntime().run(greeter, { name: 'Bad' })).toMatchObject({ state: 'failed', result: null, error: { code: 'OUTPUT_INVALID' } });
  });

  it('tries again what may be tried again, and no more often than asked', async () => {
    const flaky = defineAgent<{ until: number }, number>({
      name: 'flaky', maxAttempts: 3,
      run: ({ until }, ctx) => {
        ctx.log(`attempt ${ctx.attempt}`);
        if (ctx.attempt < until) throw new Error('not yet');
        return ctx.attempt;
      },
    });
    const runtime = createTestRuntime();
    const run = await runtime.run(flaky, { until: 3 });
    expect(run).toMatchObject({ state: 'succeeded', result: 3, attempt: 3 });
    expect(run.logs.map(({ message }) => message)).toEqual(['attempt 1', 'attempt 2', 'attempt 3']);
    expect(await runtime.run(flaky, { until: 9 })).toMatchObject({ state: 'failed', attempt: 3, error: { code: 'AGENT_THREW', message: 'not yet' } });
  });

  it('answers ctx.fetch by a stub, with the headers that the manifest adds, and never shows their secret', async () => {
    const agent = defineAgent<null, string>({
      name: 'caller',
      egress: { allow: [{ host: 'api.example.com', headers: { authorization: 'Bearer ${TOKEN}' } }] },
      run: async (_, ctx) => {
        const response = await ctx.fetch('https://api.example.com/me', { method: 'POST', body: '{}' });
        const text = await response.text();
        ctx.log(`told ${text}`);
        return text.slice(0, 6);
      },
    });
    const runtime = createTestRuntime({ secrets: { TOKEN: 'abcdefgh' }, fetch: (request) => new Response(request.headers.get('authorization')) });
    const run = await runtime.run(agent, null);
    expect(run).toMatchObject({ result: 'Bearer', usage: { egressRequests: 1, egressBytesOut: 2, egressBytesIn: 15 }, logs: [{ message: 'told Bearer [secret TOKEN]' }] });
    const limited = await runtime.run(agent, null, { limits: { egressRequests: 0 } });
    expect(limited).toMatchObject({ state: 'failed', error: { code: 'EGRESS_REQUESTS_EXCEEDED' } });
    const offline = await createTestRuntime({ secrets: { TOKEN: 'abcdefgh' } }).run(agent, null);
    expect(offline).toMatchObject({ state: 'failed', error: { code: 'AGENT_THREW' } });
  });

  it('lets an agent give a request up, and says what is wrong with a stub that answers nothing', async () => {
    const impatient = defineAgent<string, string>({
      name: 'impatient', egress: { allow: [{ host: 'api.example' }] },
      run: (path, ctx) => ctx.fetch(`https://api.example/${path}`, { signal: AbortSignal.timeout(10) }).then(() => 'answered', (error: unknown) => `${(error as Error).name}: ${(error as Error).message}`),
    });
    const endless = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }));
    const runtime = createTestRuntime({ fetch: ({ url }) => (url.endsWith('hangs') ? new Promise(() => undefined) : url.endsWith('drips') ? endless() : undefined as never) });
    for (const path of ['hangs', 'drips']) expect((await runtime.run(impatient, path)).result).toMatch(/^TimeoutError/);
    expect((await runtime.run(impatient, 'nothing')).result).toContain('api.example could not be reached: the `fetch` given to createTestRuntime answered with no Response');
  });

  it('cancels at the caller\'s signal, and tells the agent', async () => {
    const abort = new AbortController();
    let reason: unknown;
    const patient = defineAgent({
      name: 'patient',
      run: (_: null, ctx) => new Promise((resolve) => {
        ctx.signal.addEventListener('abort', () => { reason = ctx.signal.reason; resolve(1); });
        ctx.log('waiting');
      }),
    });
    const run = await createTestRuntime().run(patient, null, { signal: abort.signal, onEvent: () => abort.abort() });
    expect(run).toMatchObject({ state: 'cancelled', result: null, error: { code: 'CANCELLED' } });
    expect(reason).toMatchObject({ name: 'AbortError', reason: 'cancelled' });
  });

  it('ends who kept the thread beyond his time as soon as he lets go of it', async () => {
    const busy = defineAgent({ name: 'busy', timeoutMs: 20, run: () => { const endMs = performance.now() + 40; while (performance.now() < endMs); return 1; } });
    expect(await createTestRuntime().run(busy, null)).toMatchObject({ state: 'timed_out', error: { code: 'TIMED_OUT' } });
  });

  it('keeps the entries of an agent between its runs, and gives each runtime its own', async () => {
    const counter = defineAgent<null, number>({ name: 'counter', run: async (_, { kv }) => {
      const n = (await kv.get<number>('n') ?? 0) + 1;
      await kv.set('n', n);
      return n;
    } });
    const runtime = createTestRuntime({ kv: { n: 5 } });
    expect((await runtime.run(counter, null)).result).toBe(6);
    expect((await runtime.run(counter, null)).result).toBe(7);
    expect(await runtime.kv('counter').get('n')).toBe(7);
    expect((await createTestRuntime().run(counter, null)).result).toBe(1);
  });
});
