/**
 * Names of what traces say, in one place: the attributes of OpenTelemetry's GenAI conventions, and ours. And W3C trace context, as
 * far as it is kept with a run.
 */

/** Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/ */
export const GEN_AI = {
  operationName: 'gen_ai.operation.name',
  agentName: 'gen_ai.agent.name',
  agentId: 'gen_ai.agent.id',
  agentVersion: 'gen_ai.agent.version',
  conversationId: 'gen_ai.conversation.id',
  toolName: 'gen_ai.tool.name',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  responseModel: 'gen_ai.response.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  invokeAgent: 'invoke_agent',
} as const;

/** By these a run is found among traces, and a trace belongs to an organization. */
export const TRACE_ATTRIBUTES = {
  orgId: 'bullpen.org.id',
  runId: 'bullpen.run.id',
  attempt: 'bullpen.run.attempt',
  state: 'bullpen.run.state',
  tier: 'bullpen.run.tier',
  workerId: 'bullpen.worker.id',
  errorType: 'error.type',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
} as const;

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A `traceparent` header of version 00, or null where it is none. Source: https://www.w3.org/TR/trace-context/ */
export function parseTraceparent(header: string | undefined): string | null {
  return header !== undefined && TRACEPARENT.test(header) ? header : null;
}

export interface SpanIds {
  traceId: string;
  spanId: string;
  /** Bit 0: sampled. */
  traceFlags: number;
}

export function idsOfTraceparent(traceparent: string): SpanIds {
  const [, traceId = '', spanId = '', flags = '00'] = traceparent.split('-');
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanIds): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
