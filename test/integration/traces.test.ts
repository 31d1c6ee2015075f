import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Deadline, silentLogger, type Service } from '@bullpen/core';
import { createTracing } from '@bullpen/process';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, eventually, startSystem, type RunningSystem } from '../system/running-system.ts';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: { code?: number };
  attributes: { key: string; value: Record<string, unknown> }[];
}

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const AGENT = `async (input, ctx) => {
  await ctx.trace.span('plan', { 'gen_ai.request.model': 'small' }, async (span) => {
    span.setAttribute('gen_ai.usage.output_tokens', 12);
    await ctx.trace.span('look up', () => 1);
  });
  await ctx.trace.span('act', () => { if (input.fail) throw new Error('no'); });
  return ctx.trace.traceparent;
}`;

/** Asks by `ctx.fetch`, by a client of its own through the proxy's socket, and by a tunnel. */
const ASKER = `async ({ url }, ctx) => {
  await (await ctx.fetch(url + '/fetch')).text();
  const { request } = await import('node:http');
  const { socketPath, token } = ctx.egress;
  const ask = (options, on) => new Promise((done, failed) => {
    request({ socketPath, headers: { 'proxy-authorization': 'Bearer ' + token }, ...options }).on(on, (response, socket) => { (socket ?? response).destroy(); done(); }).on('error', failed).end();
  });
  await ask({ path: url + '/socket' }, 'response');
  await ask({ method: 'CONNECT', path: new URL(url).host }, 'connect');
  return ctx.trace.traceparent;
}`;

let collector: Server;
let upstream: Server;
/** The traceparent that each path was asked with. */
let told: Record<string, string | undefined> = {};
let spans: OtlpSpan[] = [];
let tracing: Service;
let system: RunningSystem;
let acme: BullpenClient;

beforeAll(async () => {
  collector = createServer((req, res) => {
    void json(req).then((body) => {
      const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] };
      spans = spans.concat(resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)));
      res.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve) => { collector.listen(0, '127.0.0.1', resolve); });
  const endpoint = `http://127.0.0.1:${portOf(collector)}/v1/traces`;
  process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = endpoint;
  tracing = createTracing('bullpen-test', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }, silentLogger);
  upstream = createServer((req, res) => {
    told[req.url ?? ''] = req.headers.traceparent as string | undefined;
    res.end('heard');
  });
  await new Promise<void>((resolve) => { upstream.listen(0, '127.0.0.1', resolve); });
  system = await startSystem({ queue: 'redis', workers: 0 });
  await system.startWorker({ egress: { privateRanges: ['127.0.0.1/32'] } });
  acme = await system.organization('acme');
  await deploy(acme, 'tracer', AGENT, { tier: 'basic' });
  await deploy(acme, 'asker', ASKER, { tier: 'basic', egress: { allow: [{ host: '127.0.0.1', ports: [portOf(upstream)] }] } });
});
afterAll(async () => {
  await system.stop();
  for (const server of [collector, upstream]) await new Promise((resolve) => { server.close(resolve); });
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

const attributesOf = (span: OtlpSpan | undefined) => Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

async function post(input: unknown, agent = 'tracer'): Promise<{ id: string; result: unknown; traceId: string | null }> {
  const { secret } = await system.admin.keys.create({ orgId: 'acme' });
  const response = await fetch(`${system.apis[0]?.url()}/v1/runs?wait=30s`, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, traceparent: CALLER }, body: JSON.stringify({ agent, input, maxAttempts: 1 }),
  });
  return (await response.json()) as { id: string; result: unknown; traceId: string | null };
}

describe('the trace of a run', () => {
  it('keeps what the caller sent where tracing is off, and gives it to the agent', async () => {
    const { id, result } = await post({ fail: false });
    expect(result).toBe(CALLER);
    const [row] = await system.apis[0]!.db.sql`SELECT traceparent FROM runs WHERE id = ${id}`;
    expect(row?.['traceparent']).toBe(CALLER);
    expect((await acme.runs.get(id)).traceId).toBe(TRACE_ID);
    expect((await acme.runs.list({})).items.map(({ traceId }) => traceId)).toEqual([TRACE_ID]);
    expect((await acme.runs.get((await acme.runs.create({ agent: 'tracer', input: {} }, { wait: '30s' })).id)).traceId).toBeNull();
    expect(spans).toEqual([]);
  });

  it('goes out with what the agent asks of others, also where tracing is off', async () => {
    await post({ url: `http://127.0.0.1:${portOf(upstream)}` }, 'asker');
    expect(told).toEqual({ '/fetch': CALLER, '/socket': CALLER });
  });

  it('goes from the caller through request, queue, container and agent to the record', async () => {
    told = {};
    await tracing.start();
    const succeeded = await post({ fail: false });
    const failed = await post({ fail: true });
    const asking = await post({ url: `http://127.0.0.1:${portOf(upstream)}` }, 'asker');
    const scheduledId = await scheduledRun();
    // Everything that is recorded is sent when the process stops.
    await system.stopWorkers();
    await tracing.stop(Deadline.in(10_000));
    const [, traceId = '', callerSpan = ''] = CALLER.split('-');
    const ofRun = (runId: string) => spans.filter((span) => attributesOf(span)['bullpen.run.id'] === runId);
    const attempt = ofRun(succeeded.id).find(({ name }) => name === 'run.attempt');
    const inTrace = spans.filter((span) => span.traceId === traceId);
    const childrenOf = (parent: OtlpSpan | undefined) => inTrace.filter(({ parentSpanId }) => parentSpanId === parent?.spanId).sort((a, b) => (BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1));
    const request = inTrace.find(({ spanId }) => spanId === attempt?.parentSpanId);
    expect([request?.name, request?.parentSpanId]).toEqual(['POST /v1/runs', callerSpan]);
    expect(childrenOf(request).map(({ name }) => name).sort()).toEqual(['run.attempt', 'run.queue_wait']);
    expect(childrenOf(attempt).map(({ name }) => name).sort()).toEqual(['container.start', 'invoke_agent tracer', 'run.claim', 'run.record']);
    const agent = childrenOf(attempt).find(({ name }) => name.startsWith('invoke_agent'));
    expect(childrenOf(agent).map(({ name }) => name).sort()).toEqual(['act', 'plan']);
    const plan = childrenOf(agent).find(({ name }) => name === 'plan');
    expect(childrenOf(plan).map(({ name }) => name)).toEqual(['look up']);
    expect(attributesOf(plan)).toMatchObject({ 'gen_ai.request.model': 'small', 'bullpen.run.id': succeeded.id });
    expect(attributesOf(attempt)).toMatchObject({ 'bullpen.org.id': 'acme', 'bullpen.run.state': 'succeeded', 'bullpen.run.tier': 'basic', 'gen_ai.agent.name': 'tracer' });
    expect(succeeded.result).toBe(`00-${traceId}-${agent?.spanId}-01`);
    for (const span of inTrace) expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
    expectRequests(asking, childrenOf(childrenOf(ofRun(asking.id).find(({ name }) => name === 'run.attempt')).find(({ name }) => name.startsWith('invoke_agent'))));
    expectScheduled(scheduledId, ofRun(scheduledId.runId));
    const failedAttempt = ofRun(failed.id).find(({ name }) => name === 'run.attempt');
    expect(failedAttempt?.status?.code).toBe(2);
    expect(attributesOf(failedAttempt)).toMatchObject({ 'error.type': 'AGENT_THREW', 'bullpen.run.state': 'failed' });
    expect(childrenOf(childrenOf(failedAttempt).find(({ name }) => name.startsWith('invoke_agent'))).find(({ name }) => name === 'act')?.status?.code).toBe(2);
  });
});

/** What the agent asked by `ctx.fetch`, by the socket and by a tunnel, each told of the trace as far as it has a head. */
function expectRequests(asking: { result: unknown; traceId: string | null }, children: OtlpSpan[]): void {
  expect(asking.traceId).toBe(TRACE_ID);
  expect(told).toEqual({ '/fetch': asking.result, '/socket': asking.result });
  const address = `127.0.0.1:${portOf(upstream)}`;
  expect(children.map(({ name }) => name)).toEqual(['GET', 'GET', 'CONNECT']);
  for (const span of children) expect(attributesOf(span)).toMatchObject({ 'http.request.method': span.name, 'server.address': address });
}

async function scheduledRun(): Promise<{ runId: string; traceId: string | null }> {
  await acme.schedules.create({ name: 'now-and-then', run: { agent: 'tracer', input: {} }, intervalMs: 60_000, startAt: new Date(Date.now() + 200).toISOString() });
  const runId = await eventually('the schedule makes a run', async () => (await acme.schedules.get('now-and-then')).lastRunId ?? undefined);
  const { traceId } = await acme.runs.wait(runId);
  return { runId, traceId };
}

/** The schedule's span begins a trace of its own, under which are the wait and the attempt. */
function expectScheduled({ traceId }: { traceId: string | null }, ofRun: OtlpSpan[]): void {
  const root = ofRun.find(({ name }) => name === 'schedule now-and-then');
  expect(root).toMatchObject({ traceId });
  expect(root?.parentSpanId ?? '').toBe('');
  expect(ofRun.filter(({ parentSpanId }) => parentSpanId === root?.spanId).map(({ name }) => name).sort()).toEqual(['run.attempt', 'run.queue_wait']);
}
