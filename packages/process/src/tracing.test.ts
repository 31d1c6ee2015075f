import { describe, expect, it } from '@jest/globals';

import { isTracingAsked } from './tracing.ts';

describe('tracing', () => {
  it('is off unless an endpoint is named or the exporter is asked for', () => {
    expect(isTracingAsked({})).toBe(false);
    expect(isTracingAsked({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' })).toBe(true);
    expect(isTracingAsked({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' })).toBe(true);
    expect(isTracingAsked({ OTEL_TRACES_EXPORTER: 'otlp' })).toBe(true);
  });

  it('is off where it is switched off, whatever is named', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };
    expect(isTracingAsked({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBe(false);
    expect(isTracingAsked({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' })).toBe(false);
  });
});
