import { GEN_AI, TRACE_ATTRIBUTES, formatTraceparent, idsOfTraceparent, parseTraceparent } from '@bullpen/core';
import { SpanKind, SpanStatusCode, context, isSpanContextValid, trace, type Context } from '@opentelemetry/api';
import type { Request, RequestHandler } from 'express';

/**
 * One server span per request, a child of what the caller's `traceparent` names. Where tracing is off the API's own no-op tracer gives a span
 * that is not recording, and nothing of this is done.
 */
export function traceRequests(): RequestHandler {
  const tracer = trace.getTracer('bullpen.http');
  return (req, res, next) => {
    const span = tracer.startSpan(req.method, { kind: SpanKind.SERVER }, parentOf(req));
    if (!span.isRecording() && !isSpanContextValid(span.spanContext())) {
      next();
      return;
    }
    res.on('close', () => {
      const route = typeof req.route?.path === 'string' ? `${req.baseUrl}${req.route.path}` : undefined;
      if (route !== undefined) span.updateName(`${req.method} ${route}`).setAttribute(TRACE_ATTRIBUTES.httpRoute, route);
      span.setAttributes({ [TRACE_ATTRIBUTES.httpMethod]: req.method, [TRACE_ATTRIBUTES.httpStatus]: res.statusCode });
      const orgId = res.locals.principal?.orgId;
      if (orgId != null) span.setAttribute(TRACE_ATTRIBUTES.orgId, orgId);
      if (res.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    context.with(trace.setSpan(context.active(), span), next);
  };
}

/** What is to be kept with a run: the request's own span, or, where tracing is off, what the caller sent. */
export function traceparentOf(req: Request): string | null {
  const active = trace.getActiveSpan()?.spanContext();
  return active !== undefined && isSpanContextValid(active) ? formatTraceparent(active) : parseTraceparent(req.header('traceparent'));
}

/** Names the run that a request made, so that its id finds the trace. */
export function tagRun(runId: string, agent: string): void {
  trace.getActiveSpan()?.setAttributes({ [TRACE_ATTRIBUTES.runId]: runId, [GEN_AI.agentName]: agent });
}

function parentOf(req: Request): Context {
  const traceparent = parseTraceparent(req.header('traceparent'));
  return traceparent === null ? context.active() : trace.setSpanContext(context.active(), { ...idsOfTraceparent(traceparent), isRemote: true });
}
