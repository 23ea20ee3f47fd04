/**
 * The backend of the benchmark: answers at once, always the same bytes, in every dialect, and refuses what a backend
 * should never see. A process of its own; prints its port.
 *
 *   node bench/mock-backend.ts
 *
 * The events of a streamed answer come one every few milliseconds, each its own write, as a model writes them.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { STREAMS } from './workloads.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog and goes on to write another line of code. ';

const usage = {
  input_tokens: 1200,
  output_tokens: 240,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};
const anthropicReply = JSON.stringify({
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-4-8',
  content: [{ type: 'text', text: TEXT.repeat(8) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage,
});
const openaiReply = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'qwen3-32b',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: TEXT.repeat(8) },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 1200, completion_tokens: 240, total_tokens: 1440 },
});

const named = (type: string, rest: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
const chunk = (delta: object, finish: string | null) =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'qwen3-32b',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

/** The writes of one streamed answer: a beginning, the events between, an ending. */
interface Script {
  readonly begin: string;
  readonly event: string;
  readonly end: string;
}

const anthropicScript: Script = {
  begin:
    named('message_start', {
      message: {
        id: 'msg_bench',
        type: 'message',
        role: 'assistant',
        model: 'claude-opus-4-8',
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    }) + named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  event: named('content_block_delta', {
    index: 0,
    delta: { type: 'text_delta', text: ' another few words' },
  }),
  end:
    named('content_block_stop', { index: 0 }) +
    named('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 240 },
    }) +
    named('message_stop', {}),
};
const openaiScript: Script = {
  begin: chunk({ role: 'assistant', content: '' }, null),
  event: chunk({ content: ' another few words' }, null),
  end: `${chunk({}, 'stop')}data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'qwen3-32b',
    choices: [],
    usage: { prompt_tokens: 1200, completion_tokens: 240, total_tokens: 1440 },
  })}\n\ndata: [DONE]\n\n`,
};

const responseOf = (status: string, output: readonly object[]) => ({
  id: 'resp_bench',
  object: 'response',
  created_at: 1_790_000_000,
  status,
  error: null,
  incomplete_details: null,
  model: 'gpt-5.5',
  output,
  tools: [],
  usage:
    status === 'completed'
      ? {
          input_tokens: 1200,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 240,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 1440,
        }
      : null,
});
const messageOf = (status: string, content: readonly object[]) => ({
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  status,
  content,
});
const textPart = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
const responsesReply = JSON.stringify(
  responseOf('completed', [messageOf('completed', [textPart(TEXT.repeat(8))])]),
);
const SAID = ' another few words';
const spoken = messageOf('completed', [textPart(SAID.repeat(STREAMS.short.events))]);
const place = { item_id: 'msg_bench', output_index: 0, content_index: 0 };
const responsesScript: Script = {
  begin:
    named('response.created', { response: responseOf('in_progress', []) }) +
    named('response.in_progress', { response: responseOf('in_progress', []) }) +
    named('response.output_item.added', { output_index: 0, item: messageOf('in_progress', []) }) +
    named('response.content_part.added', { ...place, part: textPart('') }),
  event: named('response.output_text.delta', { ...place, delta: SAID, logprobs: [] }),
  end:
    named('response.output_text.done', { ...place, text: SAID.repeat(STREAMS.short.events), logprobs: [] }) +
    named('response.content_part.done', { ...place, part: spoken.content[0] }) +
    named('response.output_item.done', { output_index: 0, item: spoken }) +
    named('response.completed', { response: responseOf('completed', [spoken]) }),
};

const PATHS: Readonly<Record<string, { readonly reply: string; readonly script: Script }>> = {
  '/v1/messages': { reply: anthropicReply, script: anthropicScript },
  '/v1/chat/completions': { reply: openaiReply, script: openaiScript },
  '/v1/responses': { reply: responsesReply, script: responsesScript },
};
const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'qwen3-32b', object: 'model' }] });

const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://backend').pathname;
  if (request.method === 'GET' && path === '/v1/models') {
    response.setHeader('content-type', 'application/json');
    response.end(MODELS);
    return;
  }
  const route = PATHS[path];
  if (request.method !== 'POST' || route === undefined) {
    response.writeHead(404).end();
    return;
  }
  readBody(request, (body) => {
    if (!isWhole(body)) response.writeHead(400).end('not a whole request');
    else if (IS_STREAM.test(body.toString('latin1'))) stream(response, route.script, lengthOf(body));
    else json(response, route.reply);
  });
});
// A connection is kept for the whole run, however long a round of other contenders takes.
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});

function readBody(request: IncomingMessage, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => done(Buffer.concat(parts)));
}

// Some gateways write spaces after colons.
const IS_STREAM = /"stream": ?true/;
const IS_REQUEST = /"(?:messages|input)": ?\[/;
const LENGTH = /"max_(?:output_|completion_)?tokens": ?(\d+)/;

function isWhole(body: Buffer): boolean {
  return body[0] === 0x7b && body.at(-1) === 0x7d && IS_REQUEST.test(body.toString('latin1'));
}

/** The stream whose number of events the request names. */
function lengthOf(body: Buffer): StreamLength {
  const events = Number(LENGTH.exec(body.toString('latin1'))?.[1]);
  return Object.values(STREAMS).find((one) => one.events === events) ?? STREAMS.short;
}

interface StreamLength {
  readonly events: number;
  readonly pauseMs: number;
}

function json(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function stream(response: ServerResponse, script: Script, { events, pauseMs }: StreamLength): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(script.begin);
  let left = events;
  const timer = setInterval(() => {
    if (left-- > 0) {
      response.write(script.event);
      return;
    }
    clearInterval(timer);
    response.end(script.end);
  }, pauseMs);
  response.on('close', () => clearInterval(timer));
}
