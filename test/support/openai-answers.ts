/** Random answers of OpenAI-format backends: clean ones with a known meaning, and streams of any rubbish. */
import fc from 'fast-check';
import { type Chunk, chunk, DONE } from './openai-to-anthropic.ts';

/** An answer and what it means. */
export interface Answer {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { id: string; name: string; json: string }[];
}

const ink = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((words) => `.${words}`);
const json = fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });

export const answers: fc.Arbitrary<Answer> = fc.record({
  reasoning: fc.oneof(fc.constant(''), ink),
  content: fc.oneof(fc.constant(''), ink),
  calls: fc.array(
    fc.record({
      id: fc.oneof(fc.constantFrom('', 'call_0', 'functions.f:0'), fc.uuid()),
      name: fc.constantFrom('read', 'write', 'run'),
      json: json.map((value) => JSON.stringify(value)),
    }),
    { maxLength: 3 },
  ),
});

export const finishOf = (answer: Answer): string => (answer.calls.length > 0 ? 'tool_calls' : 'stop');

/** Cuts a text at the given places, each a fraction of its length. */
function cut(text: string, places: readonly number[]): string[] {
  const offsets = [...new Set(places.map((place) => Math.floor(place * text.length)))].sort((a, b) => a - b);
  const pieces: string[] = [];
  let from = 0;
  for (const to of [...offsets, text.length]) {
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}

/** The answer as a stream; `places` say where its texts are cut, `together` that calls take turns. */
export function toStream(answer: Answer, places: readonly number[], together: boolean): Chunk[] {
  const fragments = answer.calls.map((one, index) => [
    { index, id: one.id, type: 'function', function: { name: one.name, arguments: '' } },
    ...cut(one.json, places).map((piece) => ({ index, function: { arguments: piece } })),
  ]);
  const rounds = Math.max(0, ...fragments.map((list) => list.length));
  const inTurn = Array.from({ length: rounds }, (_, round) => fragments.flatMap((list) => list[round] ?? []));
  const ordered = together ? inTurn.flat() : fragments.flat();
  return [
    chunk({ role: 'assistant', content: '' }),
    ...cut(answer.reasoning, places).map((piece) => chunk({ reasoning_content: piece })),
    ...cut(answer.content, places).map((piece) => chunk({ content: piece })),
    ...ordered.map((fragment) => chunk({ tool_calls: [fragment] })),
    chunk({}, finishOf(answer)),
    { choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } },
    DONE,
  ];
}

/** The same answer in one piece. */
export function toWhole(answer: Answer): object {
  const calls = answer.calls.map(({ id, name, json: args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  const message = { role: 'assistant', content: answer.content, reasoning_content: answer.reasoning };
  return {
    object: 'chat.completion',
    choices: [{ index: 0, message: { ...message, tool_calls: calls }, finish_reason: finishOf(answer) }],
    usage: { prompt_tokens: 9, completion_tokens: 4 },
  };
}

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });
const words = fc.oneof(fc.constantFrom('', ' ', '\n\n', 'a', 'b c'), fc.constant(null));
const fragment = fc.record({
  index: maybe(fc.constantFrom<unknown>(0, 1, 2, 7, null, 'x')),
  id: maybe(fc.constantFrom<unknown>('', 'null', 'call_0', 'call_1', 'functions.f:0', 5)),
  type: maybe(fc.constant('function')),
  function: maybe(
    fc.record({
      name: maybe(fc.constantFrom<unknown>('', 'read', 'run', 're', null)),
      arguments: maybe(
        fc.constantFrom<unknown>('', '{', '}', '{}', '{"a":', '1}', ' ', null, { b: 2 }, [1], 3),
      ),
    }),
  ),
});

const delta = fc.record({
  role: maybe(fc.constantFrom('assistant', 'tool')),
  content: maybe(
    fc.oneof(words, fc.array(fc.record({ type: fc.constantFrom('text', 'thinking', 'x'), text: words }))),
  ),
  reasoning: maybe(words),
  reasoning_content: maybe(words),
  refusal: maybe(words),
  tool_calls: maybe(fc.oneof(fc.array(fragment, { maxLength: 3 }), fc.constantFrom(null, 'x', [null]))),
  function_call: maybe(fc.record({ name: maybe(fc.constant('old')), arguments: maybe(fc.constant('{}')) })),
});

const finishes = fc.constantFrom(
  null,
  null,
  null,
  '',
  'stop',
  'length',
  'tool_calls',
  'content_filter',
  'error',
  'eos',
);

const oneChunk = fc
  .record({
    delta: fc.oneof({ weight: 9, arbitrary: delta }, { weight: 1, arbitrary: fc.jsonValue() }),
    finish_reason: finishes,
    index: maybe(fc.constantFrom(0, 1)),
    stop_reason: maybe(fc.constantFrom<unknown>('END', 3, null)),
  })
  .map((choice) => ({ choices: [choice] }));

const usages = fc
  .dictionary(
    fc.constantFrom('prompt_tokens', 'completion_tokens', 'total_tokens', 'prompt_cache_hit_tokens'),
    fc.oneof(fc.nat(), fc.constantFrom<unknown>(-1, null, 'x', 1.5)),
  )
  .map((usage) => ({ choices: [], usage }));

/** Anything that can stand in a frame. */
export const rubbish: fc.Arbitrary<Chunk> = fc.oneof(
  { weight: 20, arbitrary: oneChunk },
  { weight: 3, arbitrary: usages },
  { weight: 1, arbitrary: fc.constantFrom<Chunk>(DONE, '', 'no json', '{"cut', 'null', '[]', '5') },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Chunk>({ error: { message: 'x', code: 500 } }, { detail: 'x' }, {}),
  },
  { weight: 1, arbitrary: fc.jsonValue().map((value) => JSON.stringify(value)) },
);
