import { messageOf, type Deadline, type Logger, type Service } from '@bullpen/core';

/**
 * OpenTelemetry's SDK, by its own standard variables: traces go to an OTLP endpoint as soon as one is named
 * (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or asked for (OTEL_TRACES_EXPORTER=otlp). Without them the SDK is not
 * even loaded: the code calls the API's no-op tracer. Sampling, batching, headers and timeouts are the SDK's variables
 * (OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_EXPORTER_OTLP_*).
 * Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export interface TracingEnv {
  readonly OTEL_SDK_DISABLED?: string | undefined;
  readonly OTEL_TRACES_EXPORTER?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?: string | undefined;
  readonly OTEL_SERVICE_NAME?: string | undefined;
}

export function isTracingAsked(env: TracingEnv): boolean {
  if (env.OTEL_SDK_DISABLED === 'true' || env.OTEL_TRACES_EXPORTER === 'none') return false;
  return env.OTEL_TRACES_EXPORTER === 'otlp' || Boolean(env.OTEL_EXPORTER_OTLP_ENDPOINT) || Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT);
}

/** Started before what is traced, stopped after it: what is left is sent then. */
export function createTracing(name: string, env: TracingEnv, log: Logger): Service {
  let provider: { shutdown(): Promise<void> } | null = null;
  return {
    async start() {
      if (!isTracingAsked(env) || provider !== null) return;
      provider = await registerProvider(env.OTEL_SERVICE_NAME ?? name);
      log.info({ service: env.OTEL_SERVICE_NAME ?? name }, 'tracing.on');
    },
    async quiesce() {},
    async stop(by: Deadline) {
      const stopping = provider;
      provider = null;
      if (stopping === null) return;
      await Promise.race([stopping.shutdown(), afterMs(Math.max(100, by.remainingMs))]).catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'tracing.not_all_sent');
      });
    },
  };
}

async function registerProvider(serviceName: string): Promise<{ shutdown(): Promise<void> }> {
  const [{ BatchSpanProcessor, NodeTracerProvider }, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'), import('@opentelemetry/exporter-trace-otlp-http'), import('@opentelemetry/resources'),
  ]);
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.namespace': 'bullpen' }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  return provider;
}

function afterMs(ms: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, ms).unref(); });
}
