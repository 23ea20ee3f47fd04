/** A backend in both formats that answers well most of the time, and otherwise breaks in every way there is. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { anthropicJson, anthropicStream, openaiJson, openaiStream } from '../../test/support/mock-replies.ts';

/** What is to be said, in the form that was asked for. */
interface Answer {
  readonly response: ServerResponse;
  readonly streamed: boolean;
  /** Frames of a stream, or the one body. */
  readonly parts: readonly string[];
}

type Play = (answer: Answer) => Promise<void> | void;

export interface FaultyBackend {
  readonly url: string;
  /** How often each way was played. */
  readonly played: Readonly<Record<string, number>>;
  close(): void;
}

const TYPE = { true: 'text/event-stream', false: 'application/json' } as const;

function begin({ response, streamed, parts }: Answer, length = Buffer.byteLength(parts.join(''))): void {
  const type = TYPE[`${streamed}`];
  response.writeHead(200, { 'content-type': type, ...(!streamed && { 'content-length': length }) });
}

const well: Play = (answer) => {
  begin(answer);
  answer.response.end(answer.parts.join(''));
};

const part =
  (then: (response: ServerResponse) => void): Play =>
  (answer) => {
    if (!answer.streamed) {
      answer.response.socket?.resetAndDestroy();
      return;
    }
    begin(answer);
    answer.response.write(answer.parts.slice(0, Math.ceil(answer.parts.length / 2)).join(''), () =>
      then(answer.response),
    );
  };

const status =
  (code: number, message: string): Play =>
  ({ response }) =>
    void response
      .writeHead(code, { 'content-type': 'application/json' })
      .end(JSON.stringify({ type: 'error', error: { type: 'api_error', message } }));

/** Each way and its share. */
const WAYS: Readonly<Record<string, readonly [share: number, play: Play]>> = {
  well: [60, well],
  'in drips': [
    12,
    async (answer) => {
      begin(answer);
      for (const text of answer.parts) {
        if (answer.response.destroyed) return;
        answer.response.write(text);
        await pause(40);
      }
      answer.response.end();
    },
  ],
  'status 500': [3, status(500, 'broken')],
  'status 503': [2, status(503, 'busy')],
  'status 429': [2, status(429, 'too many')],
  'status 400': [1, status(400, 'no such field')],
  'reset before the headers': [3, ({ response }) => void response.socket?.resetAndDestroy()],
  'reset within the answer': [3, part((response) => void response.socket?.resetAndDestroy())],
  'end within the answer': [3, part((response) => void response.end())],
  'silence before the headers': [1, () => undefined],
  'silence within the answer': [1, part(() => undefined)],
  'a length that is a lie': [
    2,
    (answer) => {
      if (answer.streamed) return well(answer);
      begin(answer, 1_000_000);
      answer.response.write(answer.parts.join(''), () => answer.response.socket?.destroy());
    },
  ],
  'no HTTP': [1, ({ response }) => void response.socket?.end('SSH-2.0-hello\r\n')],
  'a page instead': [
    1,
    ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>'),
  ],
  'a flood of comments': [
    1,
    (answer) => {
      if (!answer.streamed) return well(answer);
      begin(answer);
      answer.response.write(`: ${'x'.repeat(1000)}\n\n`.repeat(2000));
      answer.response.end(answer.parts.join(''));
    },
  ],
};

const TOTAL = Object.values(WAYS).reduce((sum, [share]) => sum + share, 0);

function chooseWay(): string {
  let left = Math.random() * TOTAL;
  for (const [name, [share]] of Object.entries(WAYS)) {
    left -= share;
    if (left < 0) return name;
  }
  return 'well';
}

const TEXT = 'Somebody asked for a longer answer than usual, and this is how it went on. '.repeat(8);

function partsFor(path: string, streamed: boolean): readonly string[] {
  const anthropic = path.startsWith('/v1/messages');
  if (streamed) return (anthropic ? anthropicStream : openaiStream)({ text: TEXT }).stream;
  return [JSON.stringify((anthropic ? anthropicJson : openaiJson)({ text: TEXT }).json)];
}

const MODELS = JSON.stringify({ object: 'list', data: [{ id: 'claude-opus-5-5' }, { id: 'qwen3-32b' }] });

export async function startFaultyBackend(): Promise<FaultyBackend> {
  const played: Record<string, number> = {};
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => undefined);
    let body = '';
    for await (const chunk of request) body += chunk;
    const path = request.url ?? '';
    if (request.method === 'GET') return void response.writeHead(200).end(MODELS);
    if (path === '/tokenize') return void response.writeHead(200).end('{"count":7,"max_model_len":40960}');
    if (path.includes('count_tokens')) return void response.writeHead(200).end('{"input_tokens":7}');
    const way = chooseWay();
    played[way] = (played[way] ?? 0) + 1;
    const streamed = /"stream":\s*true/.test(body);
    await WAYS[way]?.[1]({ response, streamed, parts: partsFor(path, streamed) });
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    played,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
