/**
 * One conversation and one answer through every pair of client dialect and backend format: whichever way they go,
 * they mean the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BACKEND_FORMATS, CLIENT_DIALECTS, NO_OPTIONS } from '../../src/protocol/dialects.ts';
import { PROFILES } from '../../src/protocol/profile.ts';
import { parseBody, scanRequest, spliceModel } from '../../src/protocol/scan-request.ts';
import { createFrameSplitter } from '../../src/protocol/sse.ts';
import { createPassthrough, createTranslation } from '../../src/protocol/transcribe.ts';
import type { BackendFormat, Dialect } from '../../src/types.ts';
import { bytesOf } from '../support/chunks.ts';
import {
  type Choice,
  meaningOf,
  readAnswer,
  readStreamedAnswer,
  type Story,
  tell,
  understand,
} from '../support/meaning.ts';
import {
  anthropicJson,
  anthropicStream,
  type MockAnswer,
  openaiJson,
  openaiStream,
} from '../support/mock-replies.ts';
import { replyContext, sha256 } from '../support/openai-to-anthropic.ts';

const CLIENTS: readonly Dialect[] = ['anthropic', 'openai', 'responses'];
const BACKENDS: readonly BackendFormat[] = ['anthropic', 'openai'];
const PAIRS = CLIENTS.flatMap((client) => BACKENDS.map((backend) => ({ client, backend })));

type Json = Record<string, unknown>;

const ink = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).map((words) => `.${words}.`);
const maybeInk = fc.oneof(fc.constant(''), ink);
/** As JSON has them: no negative zero, nothing undefined. */
const inputs = fc
  .dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json);
const NAMES = ['Read', 'write_file', 'mcp__server__look-up'] as const;
const names = fc.constantFrom(...NAMES);

const rounds = fc
  .array(
    fc.record({
      asked: ink,
      answered: maybeInk,
      calls: fc.array(fc.record({ name: names, arguments: inputs, result: ink }), { maxLength: 3 }),
    }),
    { maxLength: 4 },
  )
  .map((list) =>
    list.map(({ asked, answered, calls }, i) => ({
      asked,
      answered: calls.length === 0 && answered === '' ? 'Yes.' : answered,
      calls: calls.map((call, j) => ({ ...call, id: `toolu_${i}_${j}` })),
    })),
  );

const stories: fc.Arbitrary<Story> = fc.record({
  system: maybeInk,
  rounds,
  last: ink,
  tools: fc.constant(
    NAMES.map((name) => ({
      name,
      description: `Does ${name}.`,
      schema: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
    })),
  ),
  choice: fc.constantFrom<Choice | null>(null, 'auto', 'none', 'any', { name: 'Read' }),
  maxTokens: fc.integer({ min: 1, max: 8000 }),
  stop: fc.constantFrom<readonly string[]>([], ['END'], ['a', 'b']),
  stream: fc.boolean(),
});

/** The body as the backend gets it: spliced where both speak one dialect, translated where they do not. */
function send(client: Dialect, backend: BackendFormat, body: Json): Json {
  const bytes = bytesOf(JSON.stringify(body));
  if (client === backend) return parseBody(spliceModel(bytes, scanRequest(bytes), 'served')) as Json;
  const conversation = CLIENT_DIALECTS[client].readRequest(parseBody(bytes));
  const target = { model: 'served', profile: PROFILES.vllm, maxOutputTokens: 8192, hash: sha256 };
  const written = BACKEND_FORMATS[backend].writeRequest(conversation, target);
  return JSON.parse(JSON.stringify(written.body)) as Json;
}

for (const { client, backend } of PAIRS) {
  test(`a conversation in the ${client} dialect means the same to a backend of the ${backend} format`, () => {
    fc.assert(
      fc.property(stories, (story) => {
        const body = send(client, backend, tell(client, story));
        assert.equal(body.model, 'served');
        const said = client === 'responses' ? { ...story, stop: [] } : story;
        assert.deepEqual(understand(backend, body), meaningOf(said));
      }),
      { numRuns: 400 },
    );
  });
}

const answers: fc.Arbitrary<MockAnswer & { readonly cut: boolean }> = fc
  .record({
    text: maybeInk,
    thinking: fc.option(ink, { nil: undefined }),
    tools: fc.array(fc.record({ name: names, arguments: inputs }), { maxLength: 3 }),
    usage: fc.record({ input: fc.nat(1e6), output: fc.nat(1e5), cacheRead: fc.nat(1e6) }),
    cut: fc.boolean(),
  })
  .map(({ tools, thinking, ...answer }) => ({
    ...answer,
    ...(thinking !== undefined && { thinking }),
    ...(tools.length > 0 && { tools: tools.map((tool, i) => ({ ...tool, id: `call_${i}` })) }),
    // An empty answer would be filled in by the mock.
    text: answer.text === '' && tools.length === 0 ? 'Hello.' : answer.text,
  }));

const FINISH = { anthropic: 'max_tokens', openai: 'length' } as const;
const SAY = {
  anthropic: { whole: anthropicJson, stream: anthropicStream },
  openai: { whole: openaiJson, stream: openaiStream },
} as const;

const saidBy = (
  backend: BackendFormat,
  { cut, ...answer }: MockAnswer & { readonly cut: boolean },
): MockAnswer => (cut ? { ...answer, finish: FINISH[backend] } : answer);

function meant({ text, tools, usage, cut }: MockAnswer & { readonly cut: boolean }) {
  const calls = tools ?? [];
  const ended = calls.length > 0 ? 'calls' : 'stop';
  return {
    text: text ?? '',
    calls: calls.map((call) => [call.name, call.arguments]),
    stop: cut ? 'length' : ended,
    usage: [usage?.input, usage?.cacheRead, usage?.output],
  };
}

for (const { client, backend } of PAIRS) {
  test(`a streamed answer of the ${backend} format means the same to a client of the ${client} dialect`, () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const { stream } = SAY[backend].stream(saidBy(backend, answer));
        const transcriber =
          client === backend
            ? createPassthrough(client, 'req_test')
            : createTranslation(backend, client, replyContext(), NO_OPTIONS);
        const { bytes, state } = transcriber.push(createFrameSplitter().push(bytesOf(stream.join(''))));
        const sent = typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
        assert.equal(state, 'completed');
        assert.deepEqual(readStreamedAnswer(client, sent), meant(answer));
      }),
      { numRuns: 300 },
    );
  });

  test(`a whole answer of the ${backend} format means the same to a client of the ${client} dialect`, () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const { json } = SAY[backend].whole(saidBy(backend, answer));
        // The gateway passes a whole body of the client's dialect on; translated into itself it means the same too.
        const events = BACKEND_FORMATS[backend].decodeReply(json, NO_OPTIONS);
        const reply = CLIENT_DIALECTS[client].encodeReply(events, replyContext());
        assert.ok('body' in reply);
        assert.deepEqual(readAnswer(client, JSON.parse(JSON.stringify(reply.body)) as Json), meant(answer));
      }),
      { numRuns: 300 },
    );
  });
}
