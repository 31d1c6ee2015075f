import { GEN_AI, TRACE_ATTRIBUTES, formatTraceparent, type NewRun, type Schedule } from '@bullpen/core';
import { SpanKind, isSpanContextValid, trace } from '@opentelemetry/api';

/** Begins the trace of a run that no request makes: its schedule does. Where tracing is off, `insert` gets the run as it is. */
export async function traceScheduled<T>(run: NewRun, schedule: Schedule, insert: (run: NewRun) => Promise<T>): Promise<T> {
  const span = trace.getTracer('bullpen.worker').startSpan(`schedule ${schedule.name}`, {
    kind: SpanKind.PRODUCER, attributes: { [TRACE_ATTRIBUTES.orgId]: run.orgId, [TRACE_ATTRIBUTES.runId]: run.id, [GEN_AI.agentName]: run.agent },
  });
  const ids = span.spanContext();
  try {
    return await insert(isSpanContextValid(ids) ? { ...run, traceparent: formatTraceparent(ids) } : run);
  } finally {
    span.end();
  }
}
