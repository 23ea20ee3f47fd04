/** Streams in the manner of Claude and its clones, taken the whole way to an OpenAI client. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { createAnthropicDecoder } from '../../../src/protocol/anthropic/decode-reply.ts';
import { createOpenAIEncoder, encodeOpenAIReply } from '../../../src/protocol/openai/encode-reply.ts';
import {
  chatContext,
  decodeEvents,
  toBackendBytes,
  toBackendFrame,
  translateEvents,
  translatePieces,
} from '../../support/anthropic-to-openai.ts';
import { cutEverywhere } from '../../support/chunks.ts';
import type { MessageFixture } from '../../support/message-fixture.ts';
import { readChatStream, readWholeChatStream } from '../../support/openai-grammar.ts';

const folder = new URL('../../fixtures/anthropic/', import.meta.url);
const cases = await Promise.all(
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map(async (name) => {
      const module = (await import(new URL(name, folder).href)) as { fixture: MessageFixture };
      return { name: name.replace(/\.ts$/, ''), fixture: module.fixture };
    }),
);

for (const { name, fixture } of cases) {
  test(`${name}: read as ${fixture.like} means it`, () => {
    const stream = readWholeChatStream(translateEvents(fixture.events));
    assert.equal(stream.content, fixture.content);
    assert.equal(stream.reasoning, fixture.reasoning ?? '');
    assert.deepEqual(
      stream.calls.map((call) => [call.id, call.name, call.text]),
      fixture.calls ?? [],
    );
    assert.equal(stream.error === null ? stream.finish : `error ${stream.error.code}`, fixture.finish);
    if (fixture.usage === undefined) return;
    const details = stream.usage?.prompt_tokens_details as Record<string, number>;
    assert.deepEqual(
      [
        stream.usage?.prompt_tokens,
        details.cached_tokens,
        details.cache_write_tokens,
        stream.usage?.completion_tokens,
      ],
      fixture.usage,
    );
  });

  test(`${name}: the non-streamed reply says the same`, () => {
    const stream = readWholeChatStream(translateEvents(fixture.events));
    const reply = encodeOpenAIReply(decodeEvents(fixture.events), chatContext());
    if ('error' in reply) {
      assert.equal(reply.error.message, stream.error?.message);
      return;
    }
    const { choices, usage } = reply.body as { choices: Record<string, unknown>[]; usage: unknown };
    const calls = stream.calls.map(({ id, type, name: called, text }) => ({
      id,
      type,
      function: { name: called, arguments: text },
    }));
    assert.deepEqual(choices, [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: stream.content === '' && calls.length > 0 ? null : stream.content,
          refusal: null,
          ...(stream.reasoning !== '' && { reasoning_content: stream.reasoning }),
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        logprobs: null,
        finish_reason: stream.finish,
      },
    ]);
    assert.deepEqual(usage, stream.usage);
  });

  test(`${name}: cut off after any event, it never ends well before message_stop`, () => {
    for (let length = 0; length <= fixture.events.length; length++) {
      const sent = fixture.events.slice(0, length);
      const stream = readWholeChatStream(translateEvents(sent));
      if (stream.ending === 'error') continue;
      assert.match(JSON.stringify(sent), /"message_stop"/, `a success out of ${length} events`);
    }
  });

  test(`${name}: the bytes may be cut anywhere`, () => {
    const bytes = toBackendBytes(fixture.events);
    const whole = translatePieces([bytes]);
    assert.equal(whole, translateEvents(fixture.events));
    if (bytes.length === 0) return;
    for (const pieces of cutEverywhere(bytes)) assert.equal(translatePieces(pieces), whole);
  });

  test(`${name}: what is sent at every moment is the beginning of a legal stream`, () => {
    const decoder = createAnthropicDecoder();
    const encoder = createOpenAIEncoder(chatContext());
    let sent = '';
    for (const one of fixture.events) {
      for (const event of decoder.push(toBackendFrame(one))) sent += encoder.push(event);
      sent += encoder.keepAlive();
      readChatStream(sent);
    }
  });
}
