import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanRequest } from '../../src/protocol/scan-request.ts';
import type { Attempt, Try } from '../../src/upstream/attempt.ts';
import type { Reply } from '../../src/upstream/await-content.ts';
import { NO_CHANGES, type OptionalField } from '../../src/upstream/changes.ts';
import { toBackend } from '../../src/upstream/kinds.ts';
import { withoutRefused } from '../../src/upstream/optional-fields.ts';
import { createOutboundWriter } from '../../src/upstream/outbound.ts';

const body = new TextEncoder().encode(
  JSON.stringify({
    model: 'm',
    max_tokens: 10,
    stream: true,
    messages: [{ role: 'user', content: 'hi' }],
    output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
  }),
);
const request = (dialect: 'anthropic' | 'openai') => ({
  dialect,
  body,
  scan: scanRequest(body),
  headers: {},
  search: '',
});

function tryOf(model: string, dialect: 'anthropic' | 'openai' = 'anthropic', signal?: AbortSignal): Try {
  return {
    candidate: { backend: 'one', url: 'http://host', model },
    backend: toBackend({ name: 'one', kind: 'internal', urls: ['http://host'], maxOutputTokens: 10 }),
    writer: createOutboundWriter(request(dialect)),
    changes: NO_CHANGES,
    signal: signal ?? new AbortController().signal,
    onSilence: () => undefined,
    onFailure: () => undefined,
  };
}

/** An attempt at a backend that refuses in these words, and what it was sent without. */
function refusing(words: (sent: ReadonlySet<OptionalField>) => string | null) {
  const without: string[] = [];
  const attempt: Attempt = ({ candidate, backend, writer, changes }) => {
    without.push([...changes.without].sort().join());
    const outbound = writer.write(candidate, backend, changes);
    const message = words(new Set(outbound.optional));
    const base = { candidate, format: 'openai', headers: {} } as const;
    const reply: Reply =
      message === null
        ? { ...base, kind: 'whole', status: 200, body: new Uint8Array() }
        : {
            ...base,
            kind: 'refused',
            status: 400,
            body: null,
            error: { code: 'invalid_request', message },
          };
    return Promise.resolve({ reply, outbound, backend });
  };
  return { attempt: withoutRefused(attempt), without };
}

test('each refused field is left out in turn, and both from the start the next time', async () => {
  const { attempt, without } = refusing((sent) => {
    if (sent.has('response_format')) return 'response_format is not supported';
    return sent.has('stream_options') ? 'Unknown field: stream_options' : null;
  });
  assert.equal((await attempt(tryOf('m'))).reply.kind, 'whole');
  assert.equal((await attempt(tryOf('m'))).reply.kind, 'whole');
  const both = 'response_format,stream_options';
  assert.deepEqual(without, ['', 'response_format', both, both]);
});

test('what one model refuses is still tried with another', async () => {
  const { attempt, without } = refusing((sent) =>
    sent.has('response_format') ? "'response_format' is not supported with this model" : null,
  );
  await attempt(tryOf('a'));
  await attempt(tryOf('b'));
  assert.deepEqual(without, ['', 'response_format', '', 'response_format']);
});

test('a complaint about one schema is not held against the next', async () => {
  const { attempt, without } = refusing((sent) =>
    sent.has('response_format') ? "Invalid schema for response_format 'output'" : null,
  );
  await attempt(tryOf('m'));
  await attempt(tryOf('m'));
  assert.deepEqual(without, ['', 'response_format', '', 'response_format']);
});

test('a backend that goes on complaining is left alone after each field was tried once', async () => {
  const { attempt, without } = refusing(() => 'stream_options and response_format are not supported');
  assert.equal((await attempt(tryOf('m'))).reply.kind, 'refused');
  assert.equal(without.length, 3);
});

test('another refusal is no reason to try again', async () => {
  const { attempt, without } = refusing(() => 'temperature must be at most 1');
  assert.equal((await attempt(tryOf('m'))).reply.kind, 'refused');
  assert.deepEqual(without, ['']);
});

test('a client’s own fields are its own affair', async () => {
  const { attempt, without } = refusing(() => 'response_format is not supported');
  assert.equal((await attempt(tryOf('m', 'openai'))).reply.kind, 'refused');
  assert.deepEqual(without, ['']);
});

test('the wish for usage, put into a client’s own body, is taken back out', async () => {
  const { attempt, without } = refusing((sent) =>
    sent.has('stream_options') ? 'stream_options is not supported' : null,
  );
  const { reply, outbound } = await attempt(tryOf('m', 'openai'));
  assert.equal(reply.kind, 'whole');
  assert.deepEqual(without, ['', 'stream_options']);
  assert.deepEqual([outbound.asksUsage, outbound.body], [false, body]);
});

test('nothing more is sent once the client has left', async () => {
  const left = new AbortController();
  const { attempt, without } = refusing(() => {
    left.abort(new Error('left'));
    return 'stream_options is not supported';
  });
  await assert.rejects(attempt(tryOf('m', 'anthropic', left.signal)), /left/);
  assert.deepEqual(without, ['']);
});
