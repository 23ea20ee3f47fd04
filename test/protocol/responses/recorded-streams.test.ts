/** Streams in the manner of real backends of both formats, taken the whole way to a Responses client. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { BACKEND_FORMATS, type DecoderOptions } from '../../../src/protocol/dialects.ts';
import type { ReplyContext, ReplyEvent, SealedPart, SseFrame } from '../../../src/protocol/reply-events.ts';
import {
  createResponsesEncoder,
  encodeResponsesReply,
} from '../../../src/protocol/responses/encode-reply.ts';
import { createSseReader } from '../../../src/protocol/sse.ts';
import type { BackendFormat } from '../../../src/types.ts';
import { toBackendFrame } from '../../support/anthropic-to-openai.ts';
import { bytesOf, cutAt } from '../../support/chunks.ts';
import type { MessageFixture } from '../../support/message-fixture.ts';
import { toFrame } from '../../support/openai-to-anthropic.ts';
import { encodeResponses, responsesContext } from '../../support/responses-context.ts';
import { type ResponsesStream, readResponses, readWholeResponses } from '../../support/responses-grammar.ts';
import type { StreamFixture } from '../../support/stream-fixture.ts';

type Json = Record<string, unknown>;

interface Case {
  readonly name: string;
  readonly format: BackendFormat;
  readonly frames: readonly SseFrame[];
  /** Everything said, in any order of kinds. */
  readonly text: string;
  readonly calls: readonly unknown[];
  readonly ending: string;
  readonly usage: readonly number[] | undefined;
}

async function readFixtures<Fixture>(
  format: BackendFormat,
): Promise<readonly (readonly [string, Fixture])[]> {
  const folder = new URL(`../../fixtures/${format}/`, import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return Promise.all(
    names.sort().map(async (name) => {
      const { fixture } = (await import(new URL(name, folder).href)) as { fixture: Fixture };
      return [name.replace(/\.ts$/, ''), fixture] as const;
    }),
  );
}

const ENDINGS: Readonly<Record<string, string>> = { length: 'incomplete', max_tokens: 'incomplete' };
const endingOf = (stop: string) => (stop.startsWith('error') ? 'failed' : (ENDINGS[stop] ?? 'completed'));

const openai = (await readFixtures<StreamFixture>('openai')).map(([name, fixture]): Case => {
  const blocks = fixture.content as Json[];
  return {
    name,
    format: 'openai',
    frames: fixture.chunks.map(toFrame),
    text: blocks.map((block) => block.text ?? '').join(''),
    calls: blocks.flatMap(({ type, name: called, input }) => (type === 'tool_use' ? [[called, input]] : [])),
    ending: endingOf(fixture.stop),
    usage: fixture.usage,
  };
});
const anthropic = (await readFixtures<MessageFixture>('anthropic')).map(([name, fixture]): Case => {
  const [prompt = 0, cached = 0, written = 0, completion = 0] = fixture.usage ?? [];
  return {
    name,
    format: 'anthropic',
    frames: fixture.events.map(toBackendFrame),
    text: fixture.content,
    calls: (fixture.calls ?? []).map(([, called, json]) => [called, parsed(json)]),
    ending: endingOf(fixture.finish),
    usage: fixture.usage && [prompt - cached - written, cached, written, completion],
  };
});

function parsed(json: unknown): unknown {
  try {
    return JSON.parse(String(json));
  } catch {
    return json;
  }
}

/** As a request that asks for everything has it. */
const context = (): ReplyContext =>
  responsesContext({ sealReasoning: (parts: readonly SealedPart[]) => JSON.stringify(parts) });
const OPTIONS: DecoderOptions = { signatures: true };

function decode(format: BackendFormat, frames: readonly SseFrame[]): readonly ReplyEvent[] {
  const decoder = BACKEND_FORMATS[format].createDecoder(OPTIONS);
  return [...frames.flatMap((frame) => [...decoder.push(frame)]), ...decoder.end()];
}

const translate = ({ format }: Case, frames: readonly SseFrame[]): ResponsesStream =>
  readWholeResponses(encodeResponses(decode(format, frames), context()));

const textOf = ({ items }: ResponsesStream) =>
  items
    .filter((item) => item.type === 'message')
    .flatMap((item) => (item.content as Json[]).map((part) => String(part.text)))
    .filter((text) => !text.startsWith('The model declined'));
const callsOf = ({ items }: ResponsesStream) =>
  items.filter((item) => 'call_id' in item).map(({ name, arguments: json }) => [name, parsed(json)]);
const letters = (texts: readonly string[]) => texts.join('').replace(/\s+/g, '');

/** Ends that no bytes may be missing before. */
const FINISHED = { openai: /"finish_reason":"/, anthropic: /"message_stop"/ };

for (const one of [...openai, ...anthropic]) {
  const { name, format, frames } = one;
  test(`${format} ${name}: a Responses client reads what was said`, () => {
    const stream = translate(one, frames);
    assert.equal(stream.ending, one.ending);
    if (stream.ending === 'failed') return;
    assert.equal(letters(textOf(stream)), letters([one.text]));
    if (stream.ending === 'completed') assert.deepEqual(callsOf(stream), one.calls);
    if (one.usage === undefined) return;
    const [input = 0, cached = 0, written = 0, output = 0] = one.usage;
    const { input_tokens, input_tokens_details, output_tokens } = stream.usage ?? {};
    assert.deepEqual(
      [input_tokens, (input_tokens_details as Json).cached_tokens, output_tokens],
      [input + cached + written, cached, output],
    );
  });

  test(`${format} ${name}: the non-streamed response is the same`, () => {
    const stream = translate(one, frames);
    const reply = encodeResponsesReply(decode(format, frames), context());
    if ('error' in reply) assert.equal(reply.error.message, stream.error?.message);
    else assert.deepEqual(JSON.parse(JSON.stringify(reply.body)), stream.response);
  });

  test(`${format} ${name}: cut off after any event, it never ends well unless the backend had finished`, () => {
    for (let length = 0; length <= frames.length; length++) {
      const sent = frames.slice(0, length);
      if (translate(one, sent).ending === 'failed') continue;
      const text = sent.map((frame) => frame.data).join('\n');
      assert.match(text, FINISHED[format], `a success out of ${length} events`);
    }
  });

  test(`${format} ${name}: the bytes may be cut anywhere, and every moment is legal`, () => {
    const bytes = bytesOf(
      frames.map(({ event, data }) => `${event && `event: ${event}\n`}data: ${data}\n\n`).join(''),
    );
    const whole = encodeResponses(decode(format, frames), context());
    const step = Math.max(1, Math.floor(bytes.length / 40));
    for (let at = 0; at < bytes.length; at += step) {
      const reader = createSseReader();
      const decoder = BACKEND_FORMATS[format].createDecoder(OPTIONS);
      const encoder = createResponsesEncoder(context());
      let sent = '';
      const take = (read: readonly SseFrame[]) => {
        for (const event of read.flatMap((frame) => [...decoder.push(frame)])) sent += encoder.push(event);
        readResponses(sent);
      };
      for (const piece of cutAt(bytes, [at, at + 3])) take(reader.push(piece));
      take(reader.end());
      for (const event of decoder.end()) sent += encoder.push(event);
      assert.equal(sent, whole);
    }
  });
}
