import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeContextOverflow, readContextOverflow } from '../../src/protocol/context-overflow.ts';

/** Who says it, in which words, and what is in it: prompt, answer, limit. */
const WORDINGS: readonly (readonly [string, string, number | null, number | null, number | null])[] = [
  ['Claude', 'prompt is too long: 210431 tokens > 200000 maximum', 210431, null, 200000],
  [
    'Claude, prompt and answer',
    'input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000, decrease input length or `max_tokens` and try again',
    190000,
    32000,
    200000,
  ],
  [
    'Claude, answer alone',
    'max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5',
    null,
    128000,
    64000,
  ],
  [
    'vLLM, prompt and answer',
    "This model's maximum context length is 32768 tokens. However, you requested 40100 tokens (8100 in the messages, 32000 in the completion). Please reduce the length of the messages or completion.",
    8100,
    32000,
    32768,
  ],
  [
    'OpenAI with functions',
    "This model's maximum context length is 16385 tokens. However, you requested 17000 tokens (12000 in the messages, 1000 in the functions, and 4000 in the completion).",
    12000,
    4000,
    16385,
  ],
  [
    'vLLM and OpenAI, messages alone',
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130007 tokens. Please reduce the length of the messages.",
    130007,
    null,
    128000,
  ],
  [
    'vLLM, answer too large for the room',
    "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 40960 tokens and your request has 18700 input tokens (32000 > 40960 - 18700).",
    18700,
    32000,
    40960,
  ],
  [
    'vLLM, output and prompt apart',
    "This model's maximum context length is 4096 tokens. However, you requested 1000 output tokens and your prompt contains at least 3500 input tokens, for a total of at least 4500 tokens.",
    3500,
    1000,
    4096,
  ],
  [
    'vLLM 0.32, prompt',
    "This model's maximum context length is 40960 tokens. However, your prompt contains at least 40961 input tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=40961)",
    40961,
    null,
    40960,
  ],
  [
    'vLLM 0.32, answer',
    'max_tokens=41000 cannot be greater than max_model_len=40960. Please request fewer output tokens. (parameter=max_tokens, value=41000)',
    null,
    41000,
    40960,
  ],
  [
    'vLLM 0.32, answer, by its own Messages',
    'max_completion_tokens=41000 cannot be greater than max_model_len=40960. Please request fewer output tokens. (parameter=max_completion_tokens, value=41000)',
    null,
    41000,
    40960,
  ],
  [
    'OpenAI, answer alone',
    'max_tokens is too large: 64000. This model supports at most 16384 completion tokens, whereas you provided 64000.',
    null,
    64000,
    16384,
  ],
  [
    'vLLM engine',
    'The decoder prompt (length 50000) is longer than the maximum model length of 40960. Make sure that `max_model_len` is no smaller than the number of text tokens.',
    50000,
    null,
    40960,
  ],
  [
    'SGLang',
    "The input (50001 tokens) is longer than the model's context length (32768 tokens).",
    50001,
    null,
    32768,
  ],
  [
    'SGLang, prompt and answer',
    "Requested token count exceeds the model's maximum context length of 32768 tokens. You requested a total of 36000 tokens: 4000 tokens from the input messages and 32000 tokens for the completion.",
    4000,
    32000,
    32768,
  ],
  [
    'llama.cpp',
    'request (20010 tokens) exceeds the available context size (8192 tokens), try increasing it',
    20010,
    null,
    8192,
  ],
  [
    'Mistral',
    'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
    40000,
    null,
    32768,
  ],
  [
    'Gemini',
    'The input token count (1050000) exceeds the maximum number of tokens allowed (1,048,576).',
    1050000,
    null,
    1048576,
  ],
  ['limit alone', 'Too long: the maximum context length is 8192 here.', null, null, 8192],
  ['Bedrock', 'Input is too long for requested model.', null, null, null],
  ['OpenAI Responses', 'Your input exceeds the context window of this model.', null, null, null],
  ['a code', 'context_length_exceeded', null, null, null],
  ['a type', 'exceed_context_size_error', null, null, null],
  ['plain', 'Too many tokens, please reduce the length of the messages.', null, null, null],
];

for (const [who, message, promptTokens, maxTokens, limit] of WORDINGS) {
  test(`an overflow is recognised in the words of ${who}`, () => {
    assert.deepEqual(readContextOverflow(message), { promptTokens, maxTokens, limit });
  });

  test(`an overflow in the words of ${who} is said so that Claude Code acts on it`, () => {
    const said = describeContextOverflow({ promptTokens, maxTokens, limit }, message);
    const acts =
      /prompt is too long|exceed context limit: \d+ \+ \d+ > \d+|max_tokens: \d+ > \d+, which is the maximum/i;
    assert.match(said, acts);
    assert.doesNotMatch(said, /value=|parameter=|max_model_len/);
  });
}

test('other messages about tokens or length are no overflow', () => {
  for (const message of [
    'max_tokens must be at least 1, got 0.',
    'Invalid value for temperature.',
    'You exceeded your current quota.',
    'Rate limit reached: 30000 tokens per minute.',
    'messages.0.content: text content blocks must contain non-whitespace text',
    '',
  ]) {
    assert.equal(readContextOverflow(message), null, message);
  }
});

test('a prompt that is too long is said with both numbers', () => {
  assert.equal(
    describeContextOverflow({ promptTokens: 40961, maxTokens: null, limit: 40960 }),
    'prompt is too long: 40961 tokens > 40960 maximum',
  );
  assert.equal(
    describeContextOverflow({ promptTokens: 50000, maxTokens: 100, limit: 40960 }),
    'prompt is too long: 50000 tokens > 40960 maximum',
  );
});

test('a prompt that fits beside an answer that does not is never called too long', () => {
  const said = describeContextOverflow({ promptTokens: 8100, maxTokens: 32000, limit: 32768 });
  assert.match(said, /^input length and `max_tokens` exceed context limit: 8100 \+ 32000 > 32768, /);
  assert.doesNotMatch(said, /prompt is too long/);
});

test("Claude's own words stay as they are, whatever surrounds them", () => {
  const words = 'messages: prompt is too long: 7 tokens > 5 maximum (see the guide)';
  assert.equal(describeContextOverflow({ promptTokens: 7, maxTokens: null, limit: 5 }, words), words);
});

test('what was described can be read back', () => {
  const tokens = fc.integer({ min: 1, max: 5_000_000 });
  fc.assert(
    fc.property(tokens, tokens, tokens, (promptTokens, maxTokens, limit) => {
      const overflow = { promptTokens, maxTokens: promptTokens < limit ? maxTokens : null, limit };
      assert.deepEqual(readContextOverflow(describeContextOverflow(overflow)), overflow);
    }),
  );
  assert.deepEqual(
    readContextOverflow(describeContextOverflow({ promptTokens: null, maxTokens: 9, limit: 5 })),
    { promptTokens: null, maxTokens: 9, limit: 5 },
  );
});

test('a message of megabytes is judged quickly', () => {
  const long = `maximum context length is 5 tokens ${'requested 5 ('.repeat(300_000)}`;
  const started = process.hrtime.bigint();
  assert.deepEqual(readContextOverflow(long), { promptTokens: null, maxTokens: null, limit: 5 });
  assert.ok(process.hrtime.bigint() - started < 1_000_000_000n);
});
