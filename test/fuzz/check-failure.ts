/** What must hold for a backend's refusal, however mutated. */
import assert from 'node:assert/strict';
import { ERRORS } from '../../src/errors.ts';
import { toErrorBody, toStreamError } from '../../src/protocol/error-body.ts';
import {
  readEmbeddedError,
  readUpstreamError,
  type UpstreamFailure,
} from '../../src/protocol/upstream-error.ts';

/** Always one of our codes, always a sentence, never the whole body, never a key or an address of a backend. */
export function checkFailure(input: Uint8Array): void {
  const failure = JSON.parse(new TextDecoder().decode(input)) as UpstreamFailure;
  const { code, message, status, retryAfterSeconds } = readUpstreamError(failure);
  assert.ok(Object.hasOwn(ERRORS, code), `"${code}" is no code`);
  assert.ok(message !== '' && message.length <= 1000, 'a sentence');
  assert.doesNotMatch(message, /\bsk-proj-0123456789abcdef\b|\bhttps?:\/\/\w/, 'free of keys and addresses');
  assert.ok(status === undefined || (Number.isInteger(status) && status >= 400 && status < 600));
  if (retryAfterSeconds !== undefined) {
    assert.ok(
      Number.isSafeInteger(retryAfterSeconds) && retryAfterSeconds >= 0,
      `wait ${retryAfterSeconds} s`,
    );
  }
  JSON.parse(JSON.stringify(toErrorBody('responses', code, message, 'req_fuzz')));
  for (const dialect of ['anthropic', 'openai'] as const) {
    JSON.parse(JSON.stringify(toErrorBody(dialect, code, message, 'req_fuzz')));
    assert.match(toStreamError(dialect, code, message, 'req_fuzz'), /^(?:event: error\n)?data: [^\n]+\n\n$/);
  }
  const embedded = readEmbeddedError(parsed(failure.body));
  assert.ok(embedded === null || Object.hasOwn(ERRORS, embedded.code));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
