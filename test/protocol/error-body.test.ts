import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { toErrorBody, toStreamError } from '../../src/protocol/error-body.ts';
import { parseSse } from '../support/sse.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

test('an Anthropic client gets the typed envelope with its request id', () => {
  assert.deepEqual(toErrorBody('anthropic', 'backend_overloaded', 'Busy.', 'req_1'), {
    type: 'error',
    error: { type: 'overloaded_error', message: 'Busy.' },
    request_id: 'req_1',
  });
});

test('an OpenAI client gets message, type, param and code', () => {
  assert.deepEqual(toErrorBody('openai', 'context_overflow', 'prompt is too long', 'req_1'), {
    error: {
      message: 'prompt is too long',
      type: 'invalid_request_error',
      param: null,
      code: 'context_length_exceeded',
    },
  });
});

test('Codex stops at an exhausted allowance, and is told when it is there again', () => {
  assert.deepEqual(toErrorBody('responses', 'quota_exhausted', 'Used up.', 'req_1', 1_795_392_000_001), {
    error: {
      message: 'Used up.',
      type: 'usage_limit_reached',
      param: null,
      code: 'usage_limit_reached',
      resets_at: 1_795_392_001,
    },
  });
});

test('what a tier does not include has the code at which Codex stops and shows the sentence', () => {
  for (const code of ['model_not_found', 'permission_denied', 'no_subscription'] as const) {
    const { error } = toErrorBody('responses', code, 'Not included.', 'r') as { error: { code: string } };
    assert.equal(error.code, 'model_not_found');
  }
});

test('every code can be said in every dialect', () => {
  for (const code of codes) {
    const row = ERRORS[code];
    assert.deepEqual(toErrorBody('anthropic', code, 'm', 'r'), {
      type: 'error',
      error: { type: row.anthropicType, message: 'm' },
      request_id: 'r',
    });
    assert.deepEqual(toErrorBody('openai', code, 'm', 'r'), {
      error: { message: 'm', type: row.openaiType, param: null, code: row.openaiCode },
    });
    assert.deepEqual(toErrorBody('responses', code, 'm', 'r'), {
      error: {
        message: 'm',
        type: row.responses?.type ?? row.openaiType,
        param: null,
        code: row.responses?.code ?? row.openaiCode,
      },
    });
  }
});

test('an error inside an Anthropic stream has its event line, in an OpenAI stream it must not have one', () => {
  const [anthropic, ...restA] = parseSse(
    toStreamError('anthropic', 'backend_failed', 'Gone.\n\nReally.', 'r'),
  );
  assert.equal(anthropic?.event, 'error');
  assert.deepEqual(
    JSON.parse(anthropic?.data ?? ''),
    toErrorBody('anthropic', 'backend_failed', 'Gone.\n\nReally.', 'r'),
  );
  const text = toStreamError('openai', 'backend_failed', 'Gone.\n\nReally.', 'r');
  const [openai, ...restO] = parseSse(text);
  assert.equal(openai?.event, '');
  assert.deepEqual(
    JSON.parse(openai?.data ?? ''),
    toErrorBody('openai', 'backend_failed', 'Gone.\n\nReally.', 'r'),
  );
  assert.deepEqual([restA, restO], [[], []]);
  assert.doesNotMatch(text, /\[DONE\]/);
});
