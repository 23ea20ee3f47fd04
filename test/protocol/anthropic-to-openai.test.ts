/** What holds for every Anthropic request to an OpenAI-format backend (translation.md §14). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERRORS, GatewayError } from '../../src/errors.ts';
import { readAnthropicRequest } from '../../src/protocol/anthropic/read-request.ts';
import type { WrittenRequest } from '../../src/protocol/conversation.ts';
import { writeOpenAIRequest } from '../../src/protocol/openai/write-request.ts';
import { type BackendProfile, PROFILES } from '../../src/protocol/profile.ts';
import { conversations, type Message, messages } from '../support/anthropic-requests.ts';
import { sha256 } from '../support/openai-to-anthropic.ts';

interface ChatMessage {
  readonly role: string;
  readonly content: unknown;
  readonly tool_calls?: readonly { id: string }[];
  readonly tool_call_id?: string;
}

const profiles: fc.Arbitrary<BackendProfile> = fc
  .record({
    base: fc.constantFrom(...Object.values(PROFILES)),
    toolIdFormat: fc.constantFrom('any', 'openai', 'mistral', 'kimi'),
    vision: fc.boolean(),
    // So that a conversation may end with any role.
    continuesPrefill: fc.constant(true),
  })
  .map(({ base, ...changes }) => ({ ...base, ...changes }) as BackendProfile);

function write(request: object, profile: BackendProfile): WrittenRequest {
  const conversation = readAnthropicRequest({ max_tokens: 10, ...request });
  return writeOpenAIRequest(conversation, { model: 'served', profile, hash: sha256 });
}

const messagesFor = (given: readonly Message[], profile: BackendProfile) =>
  write({ messages: given }, profile).body.messages as ChatMessage[];

test('invariant 6: a longer conversation begins with the messages of the shorter one', () => {
  const turns = fc.array(fc.tuple(conversations, fc.constantFrom('next', 'go on')), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(turns, profiles, (rounds, profile) => {
      // Reasoning leaves when the user speaks again, which is the one exception.
      const silent = { ...profile, reasoningField: null };
      const history: Message[] = [];
      let before: ChatMessage[] = [];
      for (const [given, question] of rounds) {
        history.push(...given, { role: 'assistant', content: 'Done.' }, { role: 'user', content: question });
        const now = messagesFor(history, silent);
        assert.deepEqual(now.slice(0, before.length), before);
        before = now;
        history.push({ role: 'assistant', content: 'Yes.' });
      }
    }),
  );
});

test('every call is followed at once by exactly its results, in order', () => {
  fc.assert(
    fc.property(conversations, profiles, (given, profile) => {
      const written = messagesFor(given, profile);
      for (const [i, message] of written.entries()) {
        const next = written.slice(i + 1);
        const results = next.slice(0, next.findIndex((one) => one.role !== 'tool') >>> 0);
        if (message.role === 'tool') continue;
        assert.deepEqual(
          results.map((one) => one.tool_call_id),
          (message.tool_calls ?? []).map((call) => call.id),
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('templates get what they can read: text in tool messages, and roles in turn where they must be', () => {
  fc.assert(
    fc.property(conversations, (given) => {
      const written = messagesFor(given, PROFILES.vllm);
      for (const [i, message] of written.entries()) {
        if (message.role !== 'user') assert.equal(typeof message.content, 'string', message.role);
        if (i > 0) assert.notEqual(message.role, 'system');
        if (message.role !== 'tool') assert.notEqual(message.role, written[i - 1]?.role);
        if (message.role === 'user' || message.role === 'tool') assert.ok(message.content !== '');
      }
    }),
    { numRuns: 500 },
  );
});

test('P5: the same request gives the same bytes', () => {
  fc.assert(
    fc.property(conversations, profiles, (given, profile) => {
      const [one, two] = [write({ messages: given }, profile), write({ messages: given }, profile)];
      assert.equal(JSON.stringify(one.body), JSON.stringify(two.body));
    }),
  );
});

test('A-21: every word of the user reaches the model', () => {
  fc.assert(
    fc.property(conversations, profiles, (given, profile) => {
      const sent = messagesFor(given, profile)
        .map((message) =>
          typeof message.content === 'string' ? message.content : JSON.stringify(message.content),
        )
        .join('\n');
      for (const { role, content } of given) {
        if (role !== 'user' || !Array.isArray(content)) continue;
        for (const block of content) {
          if (block.type !== 'text' || !/\S/.test(block.text)) continue;
          assert.ok(sent.includes(block.text) || sent.includes(JSON.stringify(block.text).slice(1, -1)));
        }
      }
    }),
    { numRuns: 300 },
  );
});

/** Adds unknown fields to every object of the request. */
function extend(value: unknown, more: object): unknown {
  if (Array.isArray(value)) return value.map((one) => extend(one, more));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, key === 'input' ? one : extend(one, more)]);
  return { ...Object.fromEntries(entries), ...more };
}

test('invariant 9: fields nobody knows change nothing that is sent', () => {
  const unknown = fc.dictionary(
    fc.string({ maxLength: 8 }).map((name) => `x_${name}`),
    fc.jsonValue(),
    { maxKeys: 3 },
  );
  fc.assert(
    fc.property(conversations, unknown, profiles, (given, more, profile) => {
      const request = { messages: given, thinking: { type: 'adaptive' }, tools: [{ name: 'Read' }] };
      const plain = write(request, profile).body;
      assert.deepEqual(write(extend(request, more) as object, profile).body, plain);
    }),
  );
});

test('invariant 9: no request is more than a refusal of the caller', () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.record({ max_tokens: fc.constant(5), messages: fc.oneof(messages, fc.jsonValue()) }),
    fc.record(
      {
        max_tokens: fc.jsonValue(),
        messages,
        system: fc.jsonValue(),
        tools: fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())),
        tool_choice: fc.jsonValue(),
        thinking: fc.jsonValue(),
        output_config: fc.jsonValue(),
        metadata: fc.jsonValue(),
      },
      { requiredKeys: ['messages'] },
    ),
  );
  fc.assert(
    fc.property(anything, profiles, (body, profile) => {
      try {
        const written = writeOpenAIRequest(readAnthropicRequest(body), { model: 'm', profile, hash: sha256 });
        assert.equal(typeof JSON.stringify(written.body), 'string');
      } catch (error) {
        assert.ok(error instanceof GatewayError, String(error));
        assert.equal(ERRORS[error.code].status, 400);
      }
    }),
    { numRuns: 1000 },
  );
});
