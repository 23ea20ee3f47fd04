import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenAIDecoder, decodeOpenAIReply } from '../../../src/protocol/openai/decode-reply.ts';
import type { ReplyEvent } from '../../../src/protocol/reply-events.ts';
import { call, chunk, DONE, decodeStream } from '../../support/openai-to-anthropic.ts';

/** Events in short: `text:…`, `reasoning:…`, `call:id/name`, `args:…`, `finish:…`, `error:code`. */
function brief(events: readonly ReplyEvent[]): string[] {
  return events.flatMap((event) => {
    if (event.type === 'text' || event.type === 'reasoning') return `${event.type}:${event.text}`;
    if (event.type === 'tool-start') return `call:${event.id}/${event.name}`;
    if (event.type === 'tool-arguments') return `args${event.key}:${event.json}`;
    if (event.type === 'finish') return `finish:${event.reason}`;
    return event.type === 'error' ? `error:${event.error.code}` : [];
  });
}

const briefly = (...chunks: (object | string)[]) => brief(decodeStream(chunks));
const stop = chunk({}, 'stop');
const toolStop = chunk({}, 'tool_calls');

function usageOf(events: readonly ReplyEvent[]) {
  return events.findLast((event) => event.type === 'usage')?.usage;
}

// Text

test('S-01 the first chunk carries text beside the role: none of it is lost', () => {
  assert.deepEqual(briefly(chunk({ role: 'assistant', content: 'Hi' }), stop, DONE), [
    'text:Hi',
    'finish:stop',
  ]);
});

test('S-02 one chunk carries everything: reasoning, text, calls, usage and finish come in that order', () => {
  const all = { content: 'T', reasoning: 'R', tool_calls: [call(0, 'call_1', 'f', '{}')] };
  const usage = { prompt_tokens: 5, completion_tokens: 2 };
  const events = decodeStream([chunk(all, 'tool_calls', { usage }), DONE]);
  assert.deepEqual(
    events.map((event) => event.type),
    ['start', 'reasoning', 'text', 'tool-start', 'tool-arguments', 'usage', 'finish'],
  );
});

test('S-03 empty deltas say nothing', () => {
  const empty = [{}, { content: '' }, { content: null }, { tool_calls: [] }, { tool_calls: null }];
  assert.deepEqual(briefly(...empty.map((delta) => chunk(delta)), stop, DONE), ['finish:stop']);
});

test('S-08 what belongs to no answer is passed over: annotations, audio, log probabilities, obfuscation', () => {
  const said = {
    content: 'Hi',
    annotations: [{ type: 'url_citation', url_citation: { url: 'x' } }],
    audio: { data: 'AA' },
  };
  const odd = { ...chunk(said), obfuscation: 'xyz', system_fingerprint: 'fp' };
  const [choice] = (odd as unknown as { choices: object[] }).choices;
  const all = { ...odd, choices: [{ ...choice, logprobs: { content: [{ token: 'Hi' }] } }] };
  assert.deepEqual(briefly(all, stop, DONE), ['text:Hi', 'finish:stop']);
});

test('S-06 content in parts is read as text and reasoning', () => {
  const content = [
    { type: 'thinking', thinking: 'why' },
    { type: 'text', text: 'so' },
    { type: 'reference', reference_ids: [1] },
  ];
  assert.deepEqual(briefly(chunk({ content }), stop, DONE), ['reasoning:why', 'text:so', 'finish:stop']);
});

test('S-07 a refusal is text, and the reason to stop', () => {
  const events = briefly(chunk({ content: null, refusal: 'No.' }), stop, DONE);
  assert.deepEqual(events, ['text:No.', 'finish:refusal']);
});

test('S-09 only the first choice is read', () => {
  const two = {
    choices: [
      { index: 1, delta: { content: 'B' } },
      { index: 0, delta: { content: 'A' } },
    ],
  };
  assert.deepEqual(briefly(two, { choices: [{ index: 1, delta: {}, finish_reason: 'stop' }] }), [
    'text:A',
    'error:backend_truncated',
  ]);
});

// Reasoning

test('S-20 reasoning is read under each of its names', () => {
  const named = [
    { reasoning_content: 'a' },
    { reasoning: 'b' },
    {
      reasoning_details: [
        { type: 'reasoning.text', text: 'c' },
        { type: 'reasoning.encrypted', data: 'x' },
      ],
    },
    { reasoning_details: [{ type: 'reasoning.summary', summary: 'd' }] },
  ];
  const events = briefly(...named.map((delta) => chunk(delta)), stop, DONE);
  assert.deepEqual(events, ['reasoning:a', 'reasoning:b', 'reasoning:c', 'reasoning:d', 'finish:stop']);
});

test('S-20 the same reasoning under two names counts once', () => {
  const twice = { reasoning: 'x', reasoning_content: 'x', reasoning_details: [{ text: 'x' }] };
  assert.deepEqual(briefly(chunk(twice), stop, DONE), ['reasoning:x', 'finish:stop']);
});

// Tool calls

test('S-32 a late name: the arguments wait for it', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, 'call_1', '', '{"a"')] }),
    chunk({ tool_calls: [call(0, undefined, undefined, ':1')] }),
    chunk({ tool_calls: [call(0, undefined, 'f', '}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:call_1/f', 'args0:{"a":1}', 'finish:tool-calls']);
});

test('S-32 a name repeated in every chunk is one name', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, 'call_1', 'f', '{"a"')] }),
    chunk({ tool_calls: [call(0, 'call_1', 'f', ':1}')] }),
    chunk({ tool_calls: [call(0, 'call_1', 'f', '')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:call_1/f', 'args0:{"a"', 'args0::1}', 'finish:tool-calls']);
});

test('S-32 a name in pieces is put together where that makes the name of a tool', () => {
  const chunks = [
    chunk({ tool_calls: [call(0, 'call_1', 'get_')] }),
    chunk({ tool_calls: [call(0, undefined, 'weather')] }),
    chunk({ tool_calls: [call(0, undefined, undefined, '{}')] }),
    toolStop,
  ];
  const known = brief(decodeStream(chunks, { toolNames: new Set(['get_weather']) }));
  assert.equal(known[0], 'call:call_1/get_weather');
  assert.equal(brief(decodeStream(chunks, { toolNames: new Set(['other']) }))[0], 'call:call_1/get_');
});

test('S-32 pieces of a name are only joined before the first arguments, and a repetition is no piece', () => {
  const toolNames = new Set(['go', 'gogo', 'going']);
  const nameOf = (...calls: object[]) =>
    brief(decodeStream([...calls.map((one) => chunk({ tool_calls: [one] })), toolStop], { toolNames }))[0];
  assert.equal(nameOf(call(0, 'a', 'go'), call(0, undefined, 'go', '{}')), 'call:a/go');
  assert.equal(nameOf(call(0, 'a', '', '{'), call(0, 'a', 'go'), call(0, 'a', 'ing', '}')), 'call:a/go');
});

test('S-32 a call that never gets a name is left out', () => {
  const events = briefly(chunk({ tool_calls: [call(0, 'call_1', '', '{}')] }), toolStop, DONE);
  assert.deepEqual(events, ['finish:tool-calls']);
});

test('S-33 without an index the id tells which call it is', () => {
  const events = briefly(
    chunk({ tool_calls: [call(undefined, 'a1', 'f', '{"x":'), call(undefined, 'b1', 'g', '{"y":')] }),
    chunk({ tool_calls: [call(undefined, 'a1', undefined, '1}')] }),
    chunk({ tool_calls: [call(undefined, 'b1', undefined, '2}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, [
    'call:a1/f',
    'args0:{"x":',
    'call:b1/g',
    'args1:{"y":',
    'args0:1}',
    'args1:2}',
    'finish:tool-calls',
  ]);
});

test('S-33 with neither index nor id it is the call before', () => {
  const events = briefly(
    chunk({ tool_calls: [call(undefined, 'a1', 'f', '{"x":')] }),
    chunk({ tool_calls: [call(undefined, undefined, undefined, '1}')] }),
    chunk({ tool_calls: [call(undefined, 'null', '', '')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:a1/f', 'args0:{"x":', 'args0:1}', 'finish:tool-calls']);
});

test('S-33 without index and id, the name of another tool is another call', () => {
  const fragments = [call(undefined, undefined, 'f'), call(undefined, undefined, 'g')];
  const chunks = fragments.map((one) => chunk({ tool_calls: [one] }));
  const events = decodeStream([...chunks, toolStop], { toolNames: new Set(['f', 'g']) });
  assert.deepEqual(brief(events), ['call:/f', 'call:/g', 'finish:tool-calls']);
});

test('S-33 the word null is no id', () => {
  const events = briefly(chunk({ tool_calls: [call(0, 'null', 'f', '{}')] }), toolStop, DONE);
  assert.equal(events[0], 'call:/f');
});

test('S-34 the name again after whole arguments, with nothing else, is no other call', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, undefined, 'f', '{}')] }),
    chunk({ tool_calls: [call(0, undefined, 'f', '')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:/f', 'args0:{}', 'finish:tool-calls']);
});

test('S-33 without index and id, a name after whole arguments is another call', () => {
  const events = briefly(
    chunk({ tool_calls: [call(undefined, undefined, 'f', '{}'), call(undefined, undefined, 'f', '{}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:/f', 'args0:{}', 'call:/f', 'args1:{}', 'finish:tool-calls']);
});

test('S-34 the same index again with another id and a name is another call', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, 'a1', 'f', '')] }),
    chunk({ tool_calls: [call(0, 'b1', 'f', '{}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:a1/f', 'call:b1/f', 'args1:{}', 'finish:tool-calls']);
});

test('S-34 a fresh id with every chunk, without a name, is the same call', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, 'a1', 'f', '{"x"')] }),
    chunk({ tool_calls: [call(0, 'a2', undefined, ':1')] }),
    chunk({ tool_calls: [call(0, 'a3', '', '}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:a1/f', 'args0:{"x"', 'args0::1', 'args0:}', 'finish:tool-calls']);
});

test('S-35 arguments as an object are read as its JSON', () => {
  const events = briefly(chunk({ tool_calls: [call(0, 'a1', 'f', { b: [1, 'ü'] })] }), toolStop, DONE);
  assert.deepEqual(events, ['call:a1/f', 'args0:{"b":[1,"ü"]}', 'finish:tool-calls']);
});

test('S-36 arguments repeated from their beginning are said once, where the profile says that they are', () => {
  const chunks = [
    chunk({ tool_calls: [call(0, 'a1', 'f', '')] }),
    chunk({ tool_calls: [call(0, 'a1', 'f', '{"x"')] }),
    chunk({ tool_calls: [call(0, 'a1', 'f', '{"x":1}')] }),
    chunk({ tool_calls: [call(0, 'a1', 'f', '{"x":1}')] }),
    chunk({ tool_calls: [call(1, '', 'g', '{}')] }),
    chunk({ tool_calls: [call(1, '', 'g', '{}')] }),
    toolStop,
    DONE,
  ];
  assert.deepEqual(brief(decodeStream(chunks, { cumulativeArguments: true })), [
    'call:a1/f',
    'args0:{"x"',
    'args0::1}',
    'call:/g',
    'args1:{}',
    'finish:tool-calls',
  ]);
});

test('S-37 a call without arguments begins at the end, before later calls', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, 'a1', 'f'), call(1, 'b1', 'g', '{}')] }),
    chunk({ tool_calls: [call(2, 'c1', 'h', null)] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:a1/f', 'call:b1/g', 'args1:{}', 'call:c1/h', 'finish:tool-calls']);
});

test('S-40 the old function_call is one call without an id', () => {
  const events = briefly(
    chunk({ function_call: { name: 'f', arguments: '' } }),
    chunk({ function_call: { arguments: '{"a":1}' } }),
    chunk({}, 'function_call'),
    DONE,
  );
  assert.deepEqual(events, ['call:/f', 'args0:{"a":1}', 'finish:tool-calls']);
});

test('S-44 a free-text call, which is never offered in this form, is left out', () => {
  const custom = { index: 0, id: 'a1', type: 'custom', custom: { name: 'f', input: 'x' } };
  assert.deepEqual(briefly(chunk({ content: 'Hi', tool_calls: [custom] }), stop, DONE), [
    'text:Hi',
    'finish:stop',
  ]);
});

test('S-42 an id that comes after the name but before the arguments is taken', () => {
  const events = briefly(
    chunk({ tool_calls: [call(0, undefined, 'f', '')] }),
    chunk({ tool_calls: [call(0, 'late', undefined, '')] }),
    chunk({ tool_calls: [call(0, undefined, undefined, '{}')] }),
    toolStop,
    DONE,
  );
  assert.deepEqual(events, ['call:late/f', 'args0:{}', 'finish:tool-calls']);
});

// Endings

const FINISHES = {
  stop: 'finish:stop',
  length: 'finish:length',
  max_tokens: 'finish:length',
  model_length: 'finish:length',
  tool_calls: 'finish:tool-calls',
  function_call: 'finish:tool-calls',
  content_filter: 'finish:refusal',
  eos: 'finish:stop',
  constructor: 'finish:stop',
  error: 'error:backend_failed',
  abort: 'error:backend_failed',
  insufficient_system_resource: 'error:backend_overloaded',
};

for (const [reason, expected] of Object.entries(FINISHES)) {
  test(`§5.5 finish_reason ${reason} is read as ${expected}`, () => {
    assert.deepEqual(briefly(chunk({ content: 'a' }), chunk({}, reason), DONE), ['text:a', expected]);
  });
}

test('S-51 a stop sequence is known only where vLLM names it; a token number is none', () => {
  const ended = (stop_reason: unknown) => ({
    choices: [{ index: 0, delta: {}, finish_reason: 'stop', stop_reason }],
  });
  assert.deepEqual(decodeStream([ended('END')]).at(-1), {
    type: 'finish',
    reason: 'stop-sequence',
    stopSequence: 'END',
  });
  assert.deepEqual(decodeStream([ended(151_645)]).at(-1), {
    type: 'finish',
    reason: 'stop',
    stopSequence: null,
  });
});

test('S-53 content after a finish still counts, and the last finish holds', () => {
  const events = briefly(chunk({ content: 'a' }, 'stop'), chunk({ content: 'b' }), chunk({}, 'length'), DONE);
  assert.deepEqual(events, ['text:a', 'text:b', 'finish:length']);
});

test('S-54 an empty finish and the word null are no finish', () => {
  const events = briefly(chunk({ content: 'a' }, ''), chunk({ content: 'b' }, 'null'), DONE);
  assert.deepEqual(events, ['text:a', 'text:b', 'error:backend_truncated']);
});

test('T-03 a stream may end without [DONE] where a finish was seen', () => {
  assert.deepEqual(briefly(chunk({ content: 'a' }, 'stop')), ['text:a', 'finish:stop']);
});

test('T-03 nothing after [DONE] counts, not even another [DONE]', () => {
  const decoder = createOpenAIDecoder();
  decoder.push({ event: '', data: JSON.stringify(stop) });
  assert.deepEqual(brief(decoder.push({ event: '', data: ' [DONE] ' })), ['finish:stop']);
  assert.deepEqual(decoder.push({ event: '', data: JSON.stringify(chunk({ content: 'late' })) }), []);
  assert.deepEqual(decoder.push({ event: '', data: '[DONE]' }), []);
  assert.deepEqual(decoder.end(), []);
});

test('T-03 an event named done ends the stream too', () => {
  const decoder = createOpenAIDecoder();
  decoder.push({ event: '', data: JSON.stringify(stop) });
  assert.deepEqual(brief(decoder.push({ event: 'done', data: '' })), ['finish:stop']);
});

test('T-05 one unreadable event is passed over, three in a row end the stream', () => {
  assert.deepEqual(briefly('{"cut', chunk({ content: 'a' }), 'x', 'y', stop), ['text:a', 'finish:stop']);
  assert.deepEqual(briefly('x', 'y', 'z', stop), ['error:backend_failed']);
});

// Errors

test('E-08 an error inside a stream is an error, whatever follows it', () => {
  const error = { error: { message: 'engine died', type: 'InternalServerError', code: 500 } };
  assert.deepEqual(briefly(chunk({ content: 'a' }), error, stop, DONE), ['text:a', 'error:backend_failed']);
});

test('errors are known in all their shapes, also as the first event', () => {
  const shapes = [
    { error: 'model is overloaded' },
    { object: 'error', message: 'no', code: 400 },
    { detail: 'Not here' },
    { message: 'no such thing' },
    [{ error: { message: 'no', code: 500 } }],
  ];
  for (const shape of shapes) {
    const events = decodeStream([shape, stop, DONE]);
    assert.deepEqual([events.length, events[0]?.type], [1, 'error'], JSON.stringify(shape));
  }
});

test('an event named error is one, whatever its data look like', () => {
  const decoder = createOpenAIDecoder();
  const events = decoder.push({ event: 'error', data: '{"reason":"unknown"}' });
  assert.equal(events[0]?.type, 'error');
});

test('an error in the choice ends the answer with its own words', () => {
  const choice = {
    index: 0,
    delta: { content: '' },
    finish_reason: 'error',
    error: { code: 503, message: 'busy' },
  };
  const events = decodeStream([chunk({ content: 'a' }), { choices: [choice] }]);
  assert.deepEqual(events.at(-1), { type: 'error', error: { code: 'backend_overloaded', message: 'busy' } });
});

test('nothing follows a failure in the choice, not even the usage beside it', () => {
  const events = decodeStream([
    chunk({ content: 'a' }, 'error', { usage: { prompt_tokens: 5 } }),
    stop,
    DONE,
  ]);
  assert.deepEqual(
    events.map((event) => event.type),
    ['start', 'text', 'error'],
  );
});

test('an overflow inside a stream is said in the words that make Claude Code compact', () => {
  const message =
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.";
  const event = decodeStream([{ error: { message, code: 400 } }])[0];
  assert.ok(event?.type === 'error');
  assert.deepEqual(
    [event.error.code, /prompt is too long/.test(event.error.message)],
    ['context_overflow', true],
  );
});

test('invariant 7: neither addresses nor keys of a backend reach the client', () => {
  const message = 'call to http://10.0.0.7:8000/v1 with sk-abcdef123456 failed';
  const event = decodeStream([{ error: { message } }])[0];
  assert.ok(event?.type === 'error');
  assert.doesNotMatch(event.error.message, /10\.0\.0\.7|sk-abc/);
});

// Usage

test('S-61 usage never stands at the start', () => {
  const usage = { prompt_tokens: 5, completion_tokens: 1 };
  assert.deepEqual(decodeStream([chunk({ content: 'a' }, 'stop', { usage })])[0], {
    type: 'start',
    usage: null,
  });
});

test('S-62 usage is found in every place where backends put it, and the last holds', () => {
  const usage = { prompt_tokens: 5, completion_tokens: 1 };
  const places = [
    { usage, choices: [] },
    { x_groq: { usage }, choices: [] },
    { choices: [{ index: 0, delta: {}, usage }] },
  ];
  for (const place of places) {
    const earlier = { choices: [], usage: { prompt_tokens: 5, completion_tokens: 0 } };
    const counted = usageOf(decodeStream([earlier, place, stop]));
    assert.deepEqual([counted?.inputTokens, counted?.outputTokens], [5, 1]);
  }
});

test('S-62 an empty usage object does not wipe out an earlier one', () => {
  const events = decodeStream([
    chunk({}, 'stop', { usage: { prompt_tokens: 5 } }),
    { choices: [], usage: {} },
  ]);
  assert.equal(usageOf(events)?.inputTokens, 5);
});

// Whole replies

const whole = (message: unknown, finish_reason: string | null = 'stop', more: object = {}) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  choices: [{ index: 0, message, finish_reason }],
  usage: { prompt_tokens: 7, completion_tokens: 3 },
  ...more,
});

test('S-25 in a whole reply reasoning comes first, then text, then calls', () => {
  const message = {
    role: 'assistant',
    tool_calls: [{ id: 'a1', type: 'function', function: { name: 'f', arguments: '{}' } }],
    content: 'text',
    reasoning_content: 'why',
  };
  assert.deepEqual(brief(decodeOpenAIReply(whole(message, 'tool_calls'))), [
    'reasoning:why',
    'text:text',
    'call:a1/f',
    'args0:{}',
    'finish:tool-calls',
  ]);
});

test('in a whole reply every entry is a call of its own, whatever its index and id', () => {
  const entry = { index: 0, id: '', function: { name: 'f', arguments: '' } };
  const events = brief(decodeOpenAIReply(whole({ tool_calls: [entry, entry] }, 'tool_calls')));
  assert.deepEqual(events, ['call:/f', 'call:/f', 'finish:tool-calls']);
});

test('S-71 a success without an answer is a failure', () => {
  const bodies = [
    null,
    '<html>',
    [],
    {},
    { choices: [] },
    { choices: [{}] },
    { choices: [{ message: null }] },
  ];
  for (const body of bodies) {
    assert.deepEqual(brief(decodeOpenAIReply(body)), ['error:backend_failed'], JSON.stringify(body));
  }
});

test('S-71 an error under status 200 is the error that it says', () => {
  const events = decodeOpenAIReply({ error: { message: 'slow down', code: 429 } });
  assert.deepEqual(brief(events), ['error:rate_limited']);
});

test('P7 a whole reply without a finish is no success', () => {
  assert.deepEqual(brief(decodeOpenAIReply(whole({ content: 'a' }, null))), [
    'text:a',
    'error:backend_truncated',
  ]);
});
