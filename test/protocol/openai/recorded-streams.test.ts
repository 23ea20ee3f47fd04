/** Streams in the manner of real backends, taken the whole way to an Anthropic client. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { createAnthropicEncoder } from '../../../src/protocol/anthropic/encode-reply.ts';
import { createOpenAIDecoder } from '../../../src/protocol/openai/decode-reply.ts';
import { createSseReader } from '../../../src/protocol/sse.ts';
import { contentOf, readAnthropicStream, readWholeStream } from '../../support/anthropic-grammar.ts';
import { bytesOf, cutEverywhere } from '../../support/chunks.ts';
import { replyContext, toFrame, translateStream } from '../../support/openai-to-anthropic.ts';
import type { StreamFixture } from '../../support/stream-fixture.ts';

const folder = new URL('../../fixtures/openai/', import.meta.url);
const cases = await Promise.all(
  readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map(async (name) => {
      const module = (await import(new URL(name, folder).href)) as { fixture: StreamFixture };
      return { name: name.replace(/\.ts$/, ''), fixture: module.fixture };
    }),
);

/** As a relay does it, from bytes to bytes. */
function translateBytes(pieces: readonly Uint8Array[]): string {
  const reader = createSseReader();
  const decoder = createOpenAIDecoder();
  const encoder = createAnthropicEncoder(replyContext());
  const frames = [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()];
  const events = [...frames.flatMap((frame) => [...decoder.push(frame)]), ...decoder.end()];
  return events.map((event) => encoder.push(event)).join('');
}

for (const { name, fixture } of cases) {
  test(`${name}: read as ${fixture.like} means it`, () => {
    const stream = readWholeStream(translateStream(fixture.chunks));
    assert.deepEqual(contentOf(stream), fixture.content);
    const stop =
      stream.ending === 'error' ? `error ${stream.error?.type}` : String(stream.delta?.stop_reason);
    assert.equal(stop, fixture.stop);
    if (fixture.usage === undefined) return;
    const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } =
      stream.usage ?? {};
    assert.deepEqual(
      [input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens],
      fixture.usage,
    );
  });

  test(`${name}: cut off after any event, it never ends well unless the backend had finished`, () => {
    for (let length = 0; length <= fixture.chunks.length; length++) {
      const sent = fixture.chunks.slice(0, length);
      const stream = readWholeStream(translateStream(sent));
      if (stream.ending === 'error') continue;
      assert.match(JSON.stringify(sent), /"finish_reason":"/, `a success out of ${length} events`);
    }
  });

  test(`${name}: the bytes may be cut anywhere`, () => {
    const bytes = bytesOf(fixture.chunks.map((one) => `data: ${toFrame(one).data}\n\n`).join(''));
    const whole = translateBytes([bytes]);
    assert.equal(whole, translateStream(fixture.chunks));
    for (const pieces of cutEverywhere(bytes)) assert.equal(translateBytes(pieces), whole);
  });

  test(`${name}: what is sent at every moment is the beginning of a legal stream`, () => {
    const decoder = createOpenAIDecoder();
    const encoder = createAnthropicEncoder(replyContext());
    let sent = '';
    for (const one of fixture.chunks) {
      for (const event of decoder.push(toFrame(one))) sent += encoder.push(event);
      sent += encoder.keepAlive();
      readAnthropicStream(sent);
    }
  });
}
