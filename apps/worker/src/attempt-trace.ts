import { GEN_AI, TRACE_ATTRIBUTES, formatTraceparent, idsOfTraceparent, type RunEvent, type RunState, type Tier } from '@bullpen/core';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, isSpanContextValid, trace, type Attributes, type Context, type Span } from '@opentelemetry/api';

/** What a trace says of an attempt. Times are wall clock, ms since the epoch. */
export interface TracedRun {
  orgId: string;
  runId: string;
  agent: string;
  version: number;
  attempt: number;
  tier: Tier;
  queuedAtMs: number;
  notBeforeMs: number | null;
  claimedAtMs: number;
  traceparent: string | null;
}

export type AgentSpan = Extract<RunEvent, { type: 'span' }>;

/**
 * One attempt in the trace of the request that made its run: the wait in the queue, then the attempt with its claim, the start of its
 * container, what the agent did, with the agent's own spans, and the record.
 *
 *     POST /v1/runs -> run.queue_wait
 *                   -> run.attempt -> run.claim, container.start, invoke_agent NAME -> the agent's spans, run.record
 *
 * Null where tracing is off.
 */
export function traceAttempt(run: TracedRun, times: { workerId: string; takenAtMs: number }): AttemptTrace | null {
  const tracer = trace.getTracer('bullpen.worker');
  const parent = run.traceparent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, { ...idsOfTraceparent(run.traceparent), isRemote: true });
  const attributes = attributesOf(run, times.workerId);
  const span = tracer.startSpan('run.attempt', { kind: SpanKind.CONSUMER, startTime: times.takenAtMs, attributes }, parent);
  if (!span.isRecording()) return null;
  const waitedFromMs = Math.max(run.queuedAtMs, run.notBeforeMs ?? 0);
  // Clocks of two machines differ: no span ends before it begins.
  const within = trace.setSpan(parent, span);
  // Where no request began the trace, the attempt did.
  tracer.startSpan('run.queue_wait', { startTime: Math.min(waitedFromMs, times.takenAtMs), attributes }, run.traceparent === null ? within : parent).end(times.takenAtMs);
  return new AttemptTrace(run, span, within, times.takenAtMs);
}

export class AttemptTrace {
  readonly #tracer = trace.getTracer('bullpen.worker');
  readonly #run: TracedRun;
  readonly #attempt: Span;
  readonly #within: Context;
  #container: Span | null = null;
  #agent: Span | null = null;
  #agentContext: Context;
  readonly #spans: AgentSpan[] = [];

  constructor(run: TracedRun, attempt: Span, within: Context, takenAtMs: number) {
    this.#run = run;
    this.#attempt = attempt;
    this.#within = within;
    this.#agentContext = within;
    this.#tracer.startSpan('run.claim', { startTime: takenAtMs }, within).end();
    this.#container = this.#tracer.startSpan('container.start', { startTime: Date.now() }, within);
    const { agent, version, runId } = run;
    this.#agent = this.#tracer.startSpan(`${GEN_AI.invokeAgent} ${agent}`, {
      kind: SpanKind.INTERNAL,
      attributes: { [GEN_AI.operationName]: GEN_AI.invokeAgent, [GEN_AI.agentName]: agent, [GEN_AI.agentVersion]: String(version), [GEN_AI.conversationId]: runId },
    }, within);
    this.#agentContext = trace.setSpan(within, this.#agent);
  }

  /** What the agent's own requests are children of. */
  get traceparent(): string | null {
    const ids = this.#agent?.spanContext();
    return ids !== undefined && isSpanContextValid(ids) ? formatTraceparent(ids) : null;
  }

  /** The agent's function was called. @param atMs - wall clock; left out: it never was, and nothing is waited for any more */
  started(atMs?: number): void {
    this.#container?.end(atMs);
    this.#container = null;
  }

  heard(span: AgentSpan): void {
    this.#spans.push(span);
  }

  /** The attempt is over, and about to be recorded. @returns what is to be called when it is */
  ended(errorCode: string | null): (state: RunState | 'fenced_out') => void {
    this.started();
    this.#endAgent(errorCode);
    const record = this.#tracer.startSpan('run.record', {}, this.#within);
    return (state) => {
      record.end();
      this.#attempt.setAttribute(TRACE_ATTRIBUTES.state, state);
      failed(this.#attempt, errorCode);
      this.#attempt.end();
    };
  }

  #endAgent(errorCode: string | null): void {
    const agent = this.#agent;
    if (agent === null) return;
    this.#agent = null;
    this.#replay();
    failed(agent, errorCode);
    agent.end();
  }

  /** The agent's spans came as they ended, inner ones first; each is made under its parent. */
  #replay(): void {
    const contexts = new Map<string, Context>();
    for (const { id, parentId, name, startMs, endMs, status, attributes } of this.#spans.toSorted((a, b) => a.startMs - b.startMs || Number(a.parentId !== null) - Number(b.parentId !== null))) {
      const parent = (parentId === null ? undefined : contexts.get(parentId)) ?? this.#agentContext;
      const span = this.#tracer.startSpan(name, { startTime: startMs, attributes: { ...attributes, [TRACE_ATTRIBUTES.runId]: this.#run.runId } }, parent);
      contexts.set(id, trace.setSpan(parent, span));
      if (status === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(Math.max(startMs, endMs));
    }
  }
}

/** Of one call of a language model; what an agent tells of more is not believed. */
const MOST_TOKENS = 1e9;

/** Tokens of language models that a span tells of, by the GenAI conventions. They are added to those of all organizations: a number that no sum can hold counts nothing. */
export function tokensOf({ attributes }: Pick<AgentSpan, 'attributes'>): number {
  return [GEN_AI.inputTokens, GEN_AI.outputTokens].reduce((sum, name) => {
    const value = attributes[name];
    return typeof value === 'number' && value > 0 && value <= MOST_TOKENS ? sum + value : sum;
  }, 0);
}

function failed(span: Span, errorCode: string | null): void {
  if (errorCode === null) return;
  span.setAttribute(TRACE_ATTRIBUTES.errorType, errorCode).setStatus({ code: SpanStatusCode.ERROR });
}

function attributesOf({ orgId, runId, agent, attempt, tier }: TracedRun, workerId: string): Attributes {
  return {
    [TRACE_ATTRIBUTES.orgId]: orgId, [TRACE_ATTRIBUTES.runId]: runId, [TRACE_ATTRIBUTES.attempt]: attempt, [TRACE_ATTRIBUTES.tier]: tier,
    [TRACE_ATTRIBUTES.workerId]: workerId, [GEN_AI.agentName]: agent,
  };
}
