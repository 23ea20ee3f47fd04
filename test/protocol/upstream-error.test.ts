import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { readEmbeddedError, readUpstreamError } from '../../src/protocol/upstream-error.ts';

function read(status: number, body: unknown, headers: Record<string, string> = {}) {
  return readUpstreamError({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

const SHAPES: readonly (readonly [string, unknown])[] = [
  ['OpenAI', { error: { message: 'No luck.', type: 'invalid_request_error', param: null, code: null } }],
  ['Anthropic', { type: 'error', error: { type: 'invalid_request_error', message: 'No luck.' } }],
  ['old vLLM', { object: 'error', message: 'No luck.', type: 'BadRequestError', param: null, code: 400 }],
  ['vLLM', { error: { message: 'No luck.', type: 'BadRequestError', param: null, code: 400 } }],
  ['Ollama', { error: 'No luck.' }],
  ['FastAPI', { detail: 'No luck.' }],
  ['Google compat', [{ error: { code: 400, message: 'No luck.', status: 'INVALID_ARGUMENT' } }]],
  ['Mistral', { message: 'No luck.', request_id: 'x' }],
  ['AWS', { __type: 'ValidationException', Message: 'No luck.' }],
  ['plain text', 'No luck.\nmore\n'],
  ['a JSON string', '"No luck."'],
];

for (const [who, body] of SHAPES) {
  test(`the message is found in the shape of ${who}`, () => {
    assert.deepEqual(read(400, body), { code: 'invalid_request', message: 'No luck.' });
  });
}

test('a validation list keeps places and reasons but never the input it quotes', () => {
  const detail = [
    { type: 'missing', loc: ['body', 'messages', 0, 'role'], msg: 'Field required', input: 'private words' },
    { msg: 'Extra inputs are not permitted' },
  ];
  assert.deepEqual(read(422, { detail }), {
    code: 'invalid_request',
    message: 'body.messages.0.role: Field required; body: Extra inputs are not permitted',
  });
});

test('a page of HTML and an empty body become a sentence', () => {
  assert.equal(
    read(502, '<html><body>nginx at gw.internal</body></html>').message,
    'The backend answered with status 502.',
  );
  assert.equal(read(503, '').message, 'The backend is overloaded; try again shortly.');
  assert.equal(read(500, '{}').message, 'The backend answered with status 500.');
});

const STATUSES: readonly (readonly [number, ErrorCode, number | undefined])[] = [
  [301, 'backend_failed', undefined],
  [400, 'invalid_request', undefined],
  [401, 'backend_credential_rejected', undefined],
  [402, 'billing', undefined],
  [403, 'backend_credential_rejected', undefined],
  [405, 'backend_failed', undefined],
  [408, 'backend_timeout', undefined],
  [409, 'conflict', undefined],
  [413, 'body_too_large', undefined],
  [422, 'invalid_request', undefined],
  [429, 'rate_limited', undefined],
  [451, 'permission_denied', 451],
  [500, 'backend_failed', 500],
  [502, 'backend_failed', 502],
  [503, 'backend_overloaded', undefined],
  [504, 'backend_timeout', undefined],
  [520, 'backend_failed', undefined],
  [524, 'backend_timeout', undefined],
  [529, 'backend_overloaded', undefined],
];

for (const [status, code, kept] of STATUSES) {
  test(`status ${status} is read as ${code}`, () => {
    const error = read(status, { error: { message: 'Words.' } });
    assert.deepEqual([error.code, error.status], [code, kept]);
  });
}

test("a refused key of the gateway's never looks like the caller's, and its words are not shown", () => {
  for (const [status, error] of [
    [401, { message: 'Incorrect API key provided: sk-proj-aaaabbbbcccc.', code: 'invalid_api_key' }],
    [403, { type: 'permission_error', message: 'Your account acme@example.com has no access.' }],
    [400, { type: 'authentication_error', message: 'API key not valid for acme.' }],
  ] as const) {
    const read401 = read(status, { error });
    assert.equal(read401.code, 'backend_credential_rejected');
    assert.doesNotMatch(read401.message, /sk-|acme|API key/);
    assert.equal(ERRORS[read401.code].status, 502);
  }
});

test('a used-up account is billing under whatever status it comes', () => {
  for (const [status, error] of [
    [429, { message: 'Please check your plan.', type: 'insufficient_quota', code: 'insufficient_quota' }],
    [429, { message: 'You exceeded your current quota, please check your plan.' }],
    [400, { type: 'invalid_request_error', message: 'Your credit balance is too low to access the API.' }],
    [402, { message: 'Insufficient Balance' }],
  ] as const) {
    const result = read(status, { error });
    assert.deepEqual([result.code, result.status], ['billing', undefined]);
  }
});

test('a 404 that speaks of a model is the model, any other is a wrong address of the backend', () => {
  const vllm = read(404, {
    error: {
      message: 'The model `nope` does not exist. Valid aliases: qwen3-32b.',
      type: 'NotFoundError',
      code: 404,
    },
  });
  assert.equal(vllm.code, 'model_not_found');
  assert.match(vllm.message, /`nope` does not exist/);
  assert.equal(
    read(404, { error: { type: 'not_found_error', message: 'model: claude-9' } }).code,
    'model_not_found',
  );
  assert.equal(read(404, { error: { message: 'Gone.', code: 'model_not_found' } }).code, 'model_not_found');
  assert.equal(read(404, { detail: 'Not Found' }).code, 'backend_failed');
  assert.equal(read(404, '<html>404</html>').code, 'backend_failed');
});

test('an overloaded backend is recognised behind a 500', () => {
  for (const error of [
    { type: 'overloaded_error', message: 'Overloaded' },
    { message: 'The request queue is full.' },
  ]) {
    assert.deepEqual(read(500, { error }).code, 'backend_overloaded');
    assert.equal(read(500, { error }).status, undefined);
  }
  assert.equal(read(429, { error: { message: 'The engine is currently overloaded' } }).code, 'rate_limited');
});

test('a context overflow is reworded for Claude Code under 400, 413, 422 and 500', () => {
  const message =
    "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=40961)";
  for (const status of [400, 413, 422, 500]) {
    assert.deepEqual(read(status, { error: { message, type: 'BadRequestError', code: 400 } }), {
      code: 'context_overflow',
      message: 'prompt is too long: 40961 tokens > 40960 maximum',
    });
  }
});

test('a context overflow is known by its type or code alone', () => {
  for (const error of [
    { message: 'Zu lang.', code: 'context_length_exceeded' },
    { message: 'Too big.', type: 'exceed_context_size_error', code: 400 },
  ]) {
    assert.deepEqual(read(400, { error }), { code: 'context_overflow', message: 'prompt is too long' });
  }
});

test("a plain 413 and Claude's own overflow keep their meaning", () => {
  const tooLarge = {
    type: 'error',
    error: { type: 'request_too_large', message: 'Request exceeds the maximum size' },
  };
  assert.equal(read(413, tooLarge).code, 'body_too_large');
  const words = 'prompt is too long: 210431 tokens > 200000 maximum';
  assert.deepEqual(read(400, { error: { message: words } }), { code: 'context_overflow', message: words });
});

test('a rate limit that mentions tokens is no overflow', () => {
  assert.equal(read(429, { error: { message: 'Too many tokens per minute.' } }).code, 'rate_limited');
});

test('the time to wait travels with the error', () => {
  assert.deepEqual(read(429, { error: { message: 'Slow down.' } }, { 'retry-after': '12' }), {
    code: 'rate_limited',
    message: 'Slow down.',
    retryAfterSeconds: 12,
  });
});

test('addresses and keys of the backend are removed from its words', () => {
  const message = 'Proxy to http://10.0.0.9:8000/v1 with sk-abcdefgh1234 failed';
  assert.equal(read(500, { error: { message } }).message, 'Proxy to [address] with [key] failed');
});

test('an error within a success is recognised by its shape and judged by its type or code', () => {
  const cases: readonly (readonly [unknown, ErrorCode])[] = [
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'backend_overloaded'],
    [{ type: 'error', error: { type: 'api_error', message: 'Internal server error' } }, 'backend_failed'],
    [{ error: { message: 'EngineDeadError', type: 'InternalServerError', code: 500 } }, 'backend_failed'],
    [{ error: { message: 'Slow down', code: 429 } }, 'rate_limited'],
    [{ error: { message: 'Slow down', code: '429' } }, 'rate_limited'],
    [{ error: { message: 'prompt is too long', type: 'invalid_request_error' } }, 'context_overflow'],
    [{ object: 'error', message: 'bad', code: 400 }, 'invalid_request'],
    [{ error: 'broken' }, 'backend_failed'],
    [[{ error: { code: 503, message: 'busy' } }], 'backend_overloaded'],
    [{ error: {} }, 'backend_failed'],
  ];
  for (const [value, code] of cases)
    assert.equal(readEmbeddedError(value)?.code, code, JSON.stringify(value));
});

test('a value that is no error is none', () => {
  for (const value of [
    null,
    'x',
    5,
    [],
    {},
    { error: null },
    { error: '' },
    { choices: [] },
    { type: 'ping' },
  ]) {
    assert.equal(readEmbeddedError(value), null, JSON.stringify(value));
  }
});

test('whatever a backend sends, an error comes out and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.integer({ min: 300, max: 599 }), fc.jsonValue(), (status, body) => {
      const error = read(status, JSON.stringify(body));
      assert.ok(error.code in ERRORS);
      assert.ok(error.message.length > 0);
    }),
  );
});
