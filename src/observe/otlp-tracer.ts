/**
 * Traces over OTLP/HTTP. The only file that knows OpenTelemetry's packages, and it is loaded only where traces are on:
 * they are 4 MB of code that nobody else should have to start with.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  createTraceState,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { GatewayError } from '../errors.ts';
import { NO_SPAN, type Span, type SpanOptions, type Tracer } from './tracer.ts';

export interface OtlpOptions {
  /** Base address of the collector; `/v1/traces` is its page for traces. */
  readonly url: string;
  /** Sent along with every batch. */
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly version: string;
  /** Share of the traces begun here that are recorded, 0 to 1; of those begun elsewhere their beginner decides. */
  readonly sampleRatio: number;
  /** Told what became of each batch. */
  readonly onExport: (outcome: 'sent' | 'failed', spans: number) => void;
}

/** Longest wait for the collector. Milliseconds. */
const PATIENCE = 5000;
/** Names of models are the callers' own words, and may be long. Characters. */
const LONGEST_VALUE = 256;
/** OpenTelemetry's "none of the known". */
const OTHER = '_OTHER';
const SUCCESS = 0;

export function createOtlpTracer(options: OtlpOptions): Tracer {
  const { url, headers, serviceName, version, sampleRatio, onExport } = options;
  const exporter = new OTLPTraceExporter({
    url: `${url.replace(/\/+$/, '').replace(/\/v1\/traces$/, '')}/v1/traces`,
    headers: { ...headers },
    timeoutMillis: PATIENCE,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanLimits: { attributeValueLengthLimit: LONGEST_VALUE },
    spanProcessors: [
      new BatchSpanProcessor({ exporter: counted(exporter, onExport), exportTimeoutMillis: PATIENCE }),
    ],
  });
  const tracer = provider.getTracer('llm-gateway', version);
  const active = new AsyncLocalStorage<OtelSpan>();

  const start = (name: string, parent: Context, kind: SpanKind, attributes: SpanOptions['attributes'] = {}) =>
    tracer.startSpan(name, { kind, attributes: { ...attributes } }, parent);

  function beginStep(name: string, { kind, attributes }: SpanOptions = {}): OtelSpan | null {
    const parent = active.getStore();
    if (parent === undefined) return null;
    const otelKind = kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL;
    return start(name, trace.setSpan(ROOT_CONTEXT, parent), otelKind, attributes);
  }

  async function run<T>(span: OtelSpan, work: (span: Span) => Promise<T>): Promise<T> {
    const shown = toSpan(span);
    try {
      return await active.run(span, () => work(shown));
    } catch (error) {
      shown.fail(error instanceof GatewayError ? error.code : OTHER);
      throw error;
    } finally {
      span.end();
    }
  }

  return {
    isOn: true,
    request: (name, given, work) => run(start(name, readContext(given), SpanKind.SERVER), work),
    step(name, work, more) {
      const span = beginStep(name, more);
      return span === null ? work(NO_SPAN) : run(span, work);
    },
    begin(name, more) {
      const span = beginStep(name, more);
      return span === null ? NO_SPAN : toSpan(span);
    },
    async close() {
      await provider.shutdown().catch(() => undefined);
    },
  };
}

function toSpan(span: OtelSpan): Span {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const flags = traceFlags.toString(16).padStart(2, '0');
  const state = traceState?.serialize() ?? '';
  return {
    traceId: span.isRecording() ? traceId : null,
    headers: {
      traceparent: `00-${traceId}-${spanId}-${flags}`,
      ...(state !== '' && { tracestate: state }),
    },
    set: (attributes) => void span.setAttributes({ ...attributes }),
    fail(type) {
      span.setAttribute('error.type', type);
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => span.end(),
  };
}

/** W3C Trace Context §3.2: a later version may have more fields behind these. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;
const VERSION_0 = /^00-.{52}$/;

function readContext(headers: Parameters<Tracer['request']>[1]): Context {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return ROOT_CONTEXT;
  if (traceparent.startsWith('00') && !VERSION_0.test(traceparent)) return ROOT_CONTEXT;
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof tracestate === 'string' && { traceState: createTraceState(tracestate) }),
  });
}

function counted(exporter: SpanExporter, onExport: OtlpOptions['onExport']): SpanExporter {
  return {
    export(spans: ReadableSpan[], done) {
      exporter.export(spans, (result) => {
        onExport(result.code === SUCCESS ? 'sent' : 'failed', spans.length);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
