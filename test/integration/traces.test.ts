import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { Deadline, silentLogger, type Service } from '@bullpen/core';
import { createTracing } from '@bullpen/process';
import type { BullpenClient } from '@bullpen/sdk';

import { deploy, startSystem, type RunningSystem } from '../system/running-system.ts';

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

const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const AGENT = `async (input, ctx) => {
  await ctx.trace.span('plan', { 'gen_ai.request.model': 'small' }, async (span) => {
    span.setAttribute('gen_ai.usage.output_tokens', 12);
    await ctx.trace.span('look up', () => 1);
  });
  await ctx.trace.span('act', () => { if (input.fail) throw new Error('no'); });
  return ctx.trace.traceparent;
}`;

let collector: Server;
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
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
  process.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = endpoint;
  tracing = createTracing('bullpen-test', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint }, silentLogger);
  system = await startSystem({ queue: 'redis' });
  acme = await system.organization('acme');
  await deploy(acme, 'tracer', AGENT, { tier: 'basic' });
});
afterAll(async () => {
  await system.stop();
  await new Promise((resolve) => { collector.close(resolve); });
});

const attributesOf = (span: OtlpSpan | undefined) => Object.fromEntries((span?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]));

async function post(input: unknown): Promise<{ id: string; result: unknown }> {
  const { secret } = await system.admin.keys.create({ orgId: 'acme' });
  const response = await fetch(`${system.apis[0]?.url()}/v1/runs?wait=30s`, {
    method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, traceparent: CALLER }, body: JSON.stringify({ agent: 'tracer', input, maxAttempts: 1 }),
  });
  return (await response.json()) as { id: string; result: unknown };
}

describe('the trace of a run', () => {
  it('keeps what the caller sent where tracing is off, and gives it to the agent', async () => {
    const { id, result } = await post({ fail: false });
    expect(result).toBe(CALLER);
    const [row] = await system.apis[0]!.db.sql`SELECT traceparent FROM runs WHERE id = ${id}`;
    expect(row?.['traceparent']).toBe(CALLER);
    expect(spans).toEqual([]);
  });

  it('goes from the caller through request, queue, container and agent to the record', async () => {
    await tracing.start();
    const succeeded = await post({ fail: false });
    const failed = await post({ fail: true });
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
    const failedAttempt = ofRun(failed.id).find(({ name }) => name === 'run.attempt');
    expect(failedAttempt?.status?.code).toBe(2);
    expect(attributesOf(failedAttempt)).toMatchObject({ 'error.type': 'AGENT_THREW', 'bullpen.run.state': 'failed' });
    expect(childrenOf(childrenOf(failedAttempt).find(({ name }) => name.startsWith('invoke_agent'))).find(({ name }) => name === 'act')?.status?.code).toBe(2);
  });
});
