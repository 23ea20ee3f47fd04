/** Random Anthropic conversations such as agents have them. */
import fc from 'fast-check';

export interface Message {
  readonly role: string;
  readonly content: unknown;
}

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const ids = fc.constantFrom('toolu_1', 'toolu_2', 'call_0', 'functions.f:0', 'x'.repeat(50));
const text = words.map((one) => ({ type: 'text', text: one }));
const image = fc.constant({
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'iVBOR' },
});
const pdf = fc.constant({
  type: 'document',
  title: 'T',
  source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' },
});
const note = fc.constant({ type: 'text', text: '<system-reminder>\nnow\n</system-reminder>' });
const unknown = fc.constant({ type: 'future_block', data: { a: [1] } });

const result = fc.record(
  {
    type: fc.constant('tool_result'),
    tool_use_id: ids,
    is_error: fc.boolean(),
    content: fc.oneof(words, fc.array(fc.oneof(text, image, pdf, unknown), { maxLength: 2 })),
  },
  { requiredKeys: ['type', 'tool_use_id'] },
);

const use = fc.record({
  type: fc.constant('tool_use'),
  id: ids,
  name: fc.constantFrom('Read', 'Bash', 'a.b', `mcp__${'long'.repeat(20)}`),
  input: fc.oneof(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 })), fc.jsonValue({ maxDepth: 1 })),
});

const thought = fc.record({
  type: fc.constant('thinking'),
  thinking: words,
  signature: fc.constantFrom('', 'gw1.x', 'EqRk'),
});
const hosted = fc.constant({ type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } });

const userMessage = fc.record({
  role: fc.constant('user'),
  content: fc.oneof(words, fc.array(fc.oneof(text, image, pdf, result, note, unknown), { maxLength: 4 })),
});
const assistantMessage = fc.record({
  role: fc.constant('assistant'),
  content: fc.oneof(words, fc.array(fc.oneof(text, use, use, thought, hosted, unknown), { maxLength: 4 })),
});
const systemMessage = fc.record({ role: fc.constant('system'), content: words });

/** Messages in any order, which may end with any role. */
export const messages: fc.Arbitrary<Message[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: userMessage },
    { weight: 4, arbitrary: assistantMessage },
    { weight: 1, arbitrary: systemMessage },
  ),
  { minLength: 1, maxLength: 9 },
);

/** A question to begin with, so that there is something to answer. */
export const conversations: fc.Arbitrary<Message[]> = messages.map((rest) => [
  { role: 'user', content: 'Begin.' },
  ...rest,
]);
