/**
 * Bytes back: a backend's reply to the client, in the client's dialect, whatever the two of them speak.
 */
import type { ServerResponse } from 'node:http';
import { GatewayError, hasClientLeft } from '../errors.ts';
import { BACKEND_FORMATS, CLIENT_DIALECTS, type DecoderOptions } from '../protocol/dialects.ts';
import type { ReplyContext, ReplyError, ReplyEvent } from '../protocol/reply-events.ts';
import { restateBody } from '../protocol/responses/restate.ts';
import type { RawFrame } from '../protocol/sse.ts';
import {
  createPassthrough,
  createTranslation,
  decodeFrames,
  type StreamState,
  type Transcribed,
  type Transcriber,
} from '../protocol/transcribe.ts';
import type { Dialect, Outcome, Usage } from '../types.ts';
import { type ClientStreamLimits, openClientStream } from './client-stream.ts';

/** The reply's side, as the sending step found it. */
export type RelayReply =
  | {
      readonly kind: 'stream';
      readonly format: Dialect;
      readonly batches: AsyncIterable<readonly RawFrame[]>;
    }
  | { readonly kind: 'whole'; readonly format: Dialect; readonly body: Uint8Array };

/** The client's side. */
export interface RelayClient {
  readonly dialect: Dialect;
  /** Whether the client asked for a stream. */
  readonly stream: boolean;
  readonly response: ServerResponse;
  /** Headers of the answer, without content type and length. */
  readonly headers: Readonly<Record<string, string>>;
  readonly context: ReplyContext;
  /** What reading the reply needs to know of the request. */
  readonly decoding: DecoderOptions;
  readonly signal: AbortSignal;
  readonly limits: ClientStreamLimits;
  /**
   * Called once, when the backend has shown its first content. What it returns is awaited before the answer is
   * complete, so that no crash in between can hand out an answer that was not counted.
   */
  readonly onContent: () => Promise<void>;
  /** Handed the last piece of a complete answer, and awaited, before it is sent: the end of a stream or a whole body. */
  readonly onLast?: ((bytes: Uint8Array | string) => Promise<void>) | undefined;
}

/**
 * Sends the reply. Never throws for a client that left: that is an outcome.
 *
 * @throws GatewayError while nothing has been sent yet, when the reply cannot be used
 */
export function relay(reply: RelayReply, client: RelayClient): Promise<Outcome> {
  if (reply.kind === 'stream') {
    return client.stream
      ? relayStream(reply.format, reply, client)
      : relayCollected(reply.format, reply.batches, client);
  }
  return client.stream
    ? relayAsStream(reply.format, reply.body, client)
    : relayWhole(reply.format, reply.body, client);
}

/** Headers of every stream. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
};

/** A stream that was opened before, while the client waited, goes on. */
function beginStream({ response, headers }: RelayClient): void {
  if (!response.headersSent) response.writeHead(200, { ...headers, ...STREAM_HEADERS });
}

type StreamedReply = Extract<RelayReply, { kind: 'stream' }>;

async function relayStream(format: Dialect, reply: StreamedReply, client: RelayClient): Promise<Outcome> {
  const transcriber =
    format === client.dialect
      ? createPassthrough(format, client.context.requestId, {
          hidesUsage: !client.context.streamUsage,
          echo: client.context.echo,
        })
      : createTranslation(format, client.dialect, client.context, client.decoding);
  beginStream(client);
  const counted = client.onContent();
  try {
    const state = await pump(reply.batches, transcriber, client, counted);
    return endingOf(state, transcriber.usage());
  } catch (error) {
    if (hasClientLeft(client.signal)) return clientLeft(true, transcriber.usage());
    return sayFailure(error, transcriber, client);
  }
}

/** Frame batches in, one write per batch out, at the pace of the slower side. */
async function pump(
  batches: AsyncIterable<readonly RawFrame[]>,
  transcriber: Transcriber,
  client: RelayClient,
  counted: Promise<void>,
): Promise<StreamState> {
  const { response, signal, limits } = client;
  const stream = openClientStream(response, () => transcriber.keepAlive(), limits, signal);
  const finish = async ({ bytes, state }: Transcribed): Promise<StreamState> => {
    if (state === 'completed') await Promise.all([counted, client.onLast?.(bytes)]);
    await stream.end(bytes);
    return state;
  };
  for await (const frames of batches) {
    const written = transcriber.push(frames);
    if (written.state !== 'open') return await finish(written);
    const taken = stream.write(written.bytes);
    if (taken !== undefined) await taken;
  }
  return await finish(transcriber.end());
}

function endingOf(state: StreamState, usage: Usage | null): Outcome {
  return state === 'completed' ? { ending: 'completed', usage } : { ending: 'backend-failed', usage };
}

const clientLeft = (contentSent: boolean, usage: Usage | null): Outcome => ({
  ending: 'client-left',
  contentSent,
  usage,
});

/** A connection that breaks after the finish was seen breaks nothing; any other failure is said in the stream. */
function sayFailure(error: unknown, transcriber: Transcriber, client: RelayClient): Outcome {
  const cutOff = error instanceof GatewayError && error.code === 'backend_truncated';
  const { bytes, state } = cutOff
    ? transcriber.end()
    : { bytes: transcriber.fail(toReplyError(error)), state: 'failed' as const };
  client.response.end(bytes);
  return endingOf(state, transcriber.usage());
}

function toReplyError(error: unknown): ReplyError {
  if (error instanceof GatewayError) return { code: error.code, message: error.message };
  return { code: 'internal', message: 'The gateway failed while relaying the answer.' };
}

/** A stream came though none was asked for: collect it. */
async function relayCollected(
  format: Dialect,
  batches: AsyncIterable<readonly RawFrame[]>,
  client: RelayClient,
): Promise<Outcome> {
  const frames: RawFrame[] = [];
  try {
    for await (const batch of batches) frames.push(...batch);
  } catch (error) {
    if (hasClientLeft(client.signal)) return clientLeft(false, null);
    throw error;
  }
  return sendEncoded(decodeFrames(format, frames, client.decoding), client);
}

/** A whole body came though a stream was asked for: tell it as one (S-72). */
async function relayAsStream(format: Dialect, body: Uint8Array, client: RelayClient): Promise<Outcome> {
  const events = BACKEND_FORMATS[format].decodeReply(parseReply(body), client.decoding);
  const failure = errorIn(events);
  if (failure !== null) throw toGatewayError(failure);
  const encoder = CLIENT_DIALECTS[client.dialect].createEncoder(client.context);
  const text = events.map((event) => encoder.push(event)).join('');
  await Promise.all([client.onContent(), client.onLast?.(text)]);
  beginStream(client);
  client.response.end(text);
  return { ending: 'completed', usage: usageIn(events) };
}

async function relayWhole(format: Dialect, body: Uint8Array, client: RelayClient): Promise<Outcome> {
  const value = parseReply(body);
  if (format !== client.dialect)
    return sendEncoded(BACKEND_FORMATS[format].decodeReply(value, client.decoding), client);
  const failure = (value as { error?: unknown }).error;
  if (failure !== undefined && failure !== null) {
    throw toGatewayError(errorIn(BACKEND_FORMATS[format].decodeReply(value, client.decoding)) ?? BAD_REPLY);
  }
  const { echo } = client.context;
  await sendJson(client, echo === undefined ? body : restateBody(body, echo));
  const { readUsage } = BACKEND_FORMATS[format];
  return { ending: 'completed', usage: readUsage((value as { usage?: unknown }).usage) };
}

async function sendEncoded(events: readonly ReplyEvent[], client: RelayClient): Promise<Outcome> {
  const encoded = CLIENT_DIALECTS[client.dialect].encodeReply(events, client.context);
  if ('error' in encoded) throw toGatewayError(encoded.error);
  await sendJson(client, JSON.stringify(encoded.body));
  return { ending: 'completed', usage: usageIn(events) };
}

async function sendJson(client: RelayClient, body: Uint8Array | string): Promise<void> {
  await Promise.all([client.onContent(), client.onLast?.(body)]);
  client.response.writeHead(200, {
    ...client.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  client.response.end(body);
}

const BAD_REPLY: ReplyError = {
  code: 'backend_failed',
  message: 'The model server sent an answer that makes no sense.',
};

function parseReply(body: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Said below, like every other body that is no reply.
  }
  throw toGatewayError(BAD_REPLY);
}

function toGatewayError({ code, message, status, retryAfterSeconds }: ReplyError): GatewayError {
  return new GatewayError(code, message, { status, retryAfterSeconds });
}

const errorIn = (events: readonly ReplyEvent[]): ReplyError | null =>
  events.find((event) => event.type === 'error')?.error ?? null;

function usageIn(events: readonly ReplyEvent[]): Usage | null {
  return events.findLast((event) => event.type === 'usage')?.usage ?? null;
}
