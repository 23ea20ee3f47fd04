/**
 * Traces: each step of a request wrapped in a span, with what it wraps unchanged in kind. Where they are off nothing
 * is wrapped, so that they cost nothing.
 */
import type { Config } from '../config/schema.ts';
import type { Metrics } from '../observe/metrics.ts';
import { NO_TRACER, type Span, type Tracer } from '../observe/tracer.ts';
import type { PipelineParts } from '../pipeline.ts';
import type { Quota } from '../quota/quota.ts';
import type { Attempt } from '../upstream/attempt.ts';
import type { Backend, BackendKind } from '../upstream/kinds.ts';
import type { OutboundWriter } from '../upstream/outbound.ts';
import type { SendFirst } from '../upstream/send-first.ts';

/** Loads OpenTelemetry only where the configuration names a collector. */
export async function openTracer(
  { observability }: Config,
  version: string,
  onExport: Metrics['spansDelivered'],
): Promise<Tracer> {
  const { url, headers, ...traces } = observability.traces;
  if (url === undefined) return NO_TRACER;
  const { createOtlpTracer } = await import('../observe/otlp-tracer.ts');
  const revealed = Object.entries(headers).map(([name, value]) => [name, value.reveal()] as const);
  return createOtlpTracer({ ...traces, url, headers: Object.fromEntries(revealed), version, onExport });
}

/** The words of `gen_ai.provider.name`; what is nobody's product goes by its kind. */
const PROVIDERS: Readonly<Record<BackendKind, string>> = {
  claude: 'anthropic',
  openai: 'openai',
  internal: 'internal',
  axon: 'axon',
};

export const toProvider = (backend: Pick<Backend, 'kind'> | undefined): string =>
  backend === undefined ? 'unknown' : PROVIDERS[backend.kind];

/** The parts of the sentence with a span for each of its steps. */
export function traceParts(parts: PipelineParts, tracer: Tracer): PipelineParts {
  if (!tracer.isOn) return parts;
  return {
    ...parts,
    authenticate: (rawHeaders) => tracer.step('authenticate', () => parts.authenticate(rawHeaders)),
    // The choice itself is a matter of microseconds; what may take its time is to know the backends' models.
    modelsFor: (tier) => tracer.step('route', async () => parts.modelsFor(tier)),
    quota: traceQuota(parts.quota, tracer),
    sendFirst: traceSending(parts.sendFirst, tracer),
  };
}

function traceQuota(quota: Quota, tracer: Tracer): Quota {
  return {
    ...quota,
    async reserve(principal, terms, demand) {
      const reservation = await tracer.step('reserve', () => quota.reserve(principal, terms, demand));
      return {
        ...reservation,
        commit: () => tracer.step('commit', reservation.commit),
        settle: (outcome) => tracer.step('settle', () => reservation.settle(outcome)),
      };
    },
  };
}

/** `send` until somebody begins to answer, `relay` from then on. */
function traceSending(sendFirst: SendFirst, tracer: Tracer): SendFirst {
  return async (sending) => {
    const served = await tracer.step('send', () => sendFirst(sending));
    const relaying = tracer.begin('relay');
    return {
      ...served,
      leave(ending) {
        served.leave(ending);
        if (ending === 'broken') relaying.fail('broken');
        relaying.end();
      },
    };
  };
}

/**
 * One span for each try at a replica, until its first content.
 *
 * @param isTrusted whether a backend, by its name, is told of the trace that it is a part of
 */
export function traceAttempts(
  attempt: Attempt,
  tracer: Tracer,
  isTrusted: (backend: string) => boolean,
): Attempt {
  if (!tracer.isOn) return attempt;
  return (one) => {
    const { candidate, backend, writer } = one;
    const { hostname, port, protocol } = new URL(candidate.url);
    const attributes = {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': toProvider(backend),
      'gen_ai.request.model': candidate.model,
      'server.address': hostname,
      'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
      'gateway.backend': backend.name,
      'gateway.replica': backend.urls.indexOf(candidate.url),
    };
    const work = async (span: Span) => {
      const told = isTrusted(backend.name) ? withHeaders(writer, span.headers) : writer;
      const exchange = await attempt({ ...one, writer: told });
      const { reply, outbound } = exchange;
      span.set({ 'gen_ai.request.max_tokens': outbound.maxTokens ?? undefined });
      if (reply.kind === 'refused') {
        span.set({ 'http.response.status_code': reply.status });
        span.fail(reply.error.code);
      }
      return exchange;
    };
    return tracer.step(`chat ${candidate.model}`, work, { kind: 'client', attributes });
  };
}

function withHeaders(writer: OutboundWriter, more: Readonly<Record<string, string>>): OutboundWriter {
  return {
    ...writer,
    write(candidate, backend, changes) {
      const outbound = writer.write(candidate, backend, changes);
      return { ...outbound, headers: { ...outbound.headers, ...more } };
    },
  };
}
