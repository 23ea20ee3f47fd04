/** A collector that keeps what it is told: traces over OTLP/HTTP in JSON. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span, its attributes as a plain object. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** As on the wire: 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** 2: failed. */
  readonly status: number;
  readonly start: bigint;
  readonly end: bigint;
}

export interface OtlpCollector {
  /** Base address. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** What came, as it came: paths, headers and bodies. */
  readonly wire: () => string;
  /** `service.name` and the like, of every batch. */
  readonly resources: readonly Readonly<Record<string, unknown>>[];
  close(): Promise<void>;
}

type Value = Readonly<Record<string, unknown>>;
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}
interface WireSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly KeyValue[];
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}
interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

/** @param status what it answers */
export async function startOtlpCollector(status = 200): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const resources: Record<string, unknown>[] = [];
  let wire = '';
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    wire += `${request.method} ${request.url}\n${JSON.stringify(request.headers)}\n${text}\n`;
    for (const { resource, scopeSpans } of (JSON.parse(text) as Batch).resourceSpans) {
      resources.push(toObject(resource.attributes));
      for (const { spans: some } of scopeSpans) spans.push(...some.map(toSpan));
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resources,
    wire: () => wire,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

const toObject = (attributes: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));

/** One of `stringValue`, `intValue`, `doubleValue`, `boolValue`; whole numbers may come as text (protobuf's JSON). */
function plain(value: Value): unknown {
  const [kind, held] = Object.entries(value)[0] ?? [];
  return kind === 'intValue' ? Number(held) : held;
}

const toSpan = (span: WireSpan): CollectedSpan => ({
  traceId: span.traceId,
  spanId: span.spanId,
  parentSpanId: span.parentSpanId ?? '',
  name: span.name,
  kind: span.kind,
  attributes: toObject(span.attributes),
  status: span.status?.code ?? 0,
  start: BigInt(span.startTimeUnixNano),
  end: BigInt(span.endTimeUnixNano),
});
