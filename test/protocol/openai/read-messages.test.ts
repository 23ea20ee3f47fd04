import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../../../src/errors.ts';
import { readMessages } from '../../../src/protocol/openai/read-messages.ts';
import { calling, result, user } from '../../support/claude-request.ts';

const read = (...messages: readonly unknown[]) => readMessages(messages, new Set());

function refusal(...messages: readonly unknown[]): readonly [string, string] {
  try {
    read(...messages);
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return [error.code, error.message];
  }
  throw new assert.AssertionError({ message: 'nothing was refused' });
}

test('a string and its one-part form mean the same', () => {
  assert.deepEqual(read(user('Hi.')), read(user([{ type: 'text', text: 'Hi.' }])));
  assert.deepEqual(
    read({ role: 'system', content: 'Be.' }),
    read({ role: 'system', content: [{ type: 'text', text: 'Be.' }] }),
  );
});

test('system and developer are the same role, parts joined with a blank line', () => {
  const content = [
    { type: 'text', text: 'One.' },
    { type: 'text', text: ' ' },
    { type: 'text', text: 'Two.' },
  ];
  const turn = { role: 'system', text: 'One.\n\nTwo.' };
  assert.deepEqual(read({ role: 'system', content }, { role: 'developer', content }), [turn, turn]);
});

test('an unknown role or part is refused with its place (O-21)', () => {
  assert.match(
    refusal(user('a'), { role: 'critic', content: 'b' })[1],
    /^messages\.1\.role: expected one of system, /,
  );
  assert.match(
    refusal(user([{ type: 'text', text: 'a' }, { type: 'video' }]))[1],
    /^messages\.0\.content\.1\.type: /,
  );
  assert.match(refusal(user([null]))[1], /^messages\.0\.content\.0\.type: /);
  assert.match(refusal(user([{ type: 'text' }]))[1], /^messages\.0\.content\.0\.text: /);
  assert.match(refusal('hello')[1], /^messages\.0: expected an object/);
  assert.match(refusal(user(5))[1], /^messages\.0\.content: expected a string or an array/);
  assert.match(
    refusal({ role: 'system', content: [{ type: 'image_url', image_url: { url: 'x' } }] })[1],
    /^messages\.0\.content\.0/,
  );
  assert.equal(refusal({ role: 'critic' })[0], 'invalid_request');
});

test('no messages at all are refused', () => {
  for (const value of [undefined, null, [], 'hi', {}]) {
    assert.throws(
      () => readMessages(value, new Set()),
      /messages: expected an array of at least one message/,
    );
  }
});

test('images come as data or as an address (O-07)', () => {
  const parts = [
    { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=', detail: 'high' } },
    { type: 'image_url', image_url: { url: 'https://example.org/cat.jpg' } },
    { type: 'image_url', image_url: 'data:image/jpg;charset=x;base64,aG\nk=' },
  ];
  assert.deepEqual(read(user(parts)), [
    {
      role: 'user',
      parts: [
        { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'aGk=' } },
        { type: 'image', source: { kind: 'url', url: 'https://example.org/cat.jpg' } },
        { type: 'image', source: { kind: 'base64', mediaType: 'image/jpeg', data: 'aGk=' } },
      ],
    },
  ]);
});

test('an image that no backend could read is refused with its place', () => {
  for (const url of [
    'file:///etc/passwd',
    'data:image/svg+xml;base64,aGk=',
    'data:image/png,plain',
    'data:image/png;base64,%%',
    '',
  ]) {
    const [code, message] = refusal(user([{ type: 'image_url', image_url: { url } }]));
    assert.equal(code, 'invalid_request');
    assert.match(message, /^messages\.0\.content\.0\.image_url\.url: expected an http or https address/);
    assert.doesNotMatch(message, /passwd|aGk/, 'content never appears in errors');
  }
});

test('PDF and text files become documents under their name (O-07)', () => {
  const file = (file_data: string) => ({ type: 'file', file: { filename: 'notes', file_data } });
  assert.deepEqual(
    read(user([file('data:application/pdf;base64,JVBERg=='), file('data:text/plain;base64,w7xiZXI=')])),
    [
      {
        role: 'user',
        parts: [
          {
            type: 'document',
            title: 'notes',
            context: null,
            source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' },
          },
          { type: 'document', title: 'notes', context: null, source: { kind: 'text', text: 'über' } },
        ],
      },
    ],
  );
});

test('audio and uploaded files are said to be unavailable, other files to be wrong', () => {
  assert.equal(
    refusal(user([{ type: 'input_audio', input_audio: { data: 'x', format: 'wav' } }]))[0],
    'not_supported',
  );
  assert.equal(refusal(user([{ type: 'file', file: { file_id: 'file-1' } }]))[0], 'not_supported');
  assert.equal(
    refusal(user([{ type: 'file', file: { file_data: 'data:application/zip;base64,aGk=' } }]))[0],
    'invalid_request',
  );
});

test('names of speakers are noted as lost', () => {
  const dropped = new Set<string>();
  readMessages([{ role: 'user', name: 'Ada', content: 'Hi.' }], dropped);
  assert.deepEqual([...dropped], ['messages.name']);
});

test('an assistant message is read as reasoning, text, refusal and calls in that order (O-04)', () => {
  const message = {
    ...calling(['call_1', 'add', '{"b":2,"a":1}']),
    content: [
      { type: 'text', text: 'I add.' },
      { type: 'refusal', refusal: 'Not that.' },
    ],
    refusal: 'Nor this.',
    reasoning_content: 'Hm.',
    annotations: [],
    audio: null,
  };
  assert.deepEqual(read(message), [
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'Hm.', signature: '' },
        { type: 'text', text: 'I add.' },
        { type: 'text', text: 'Not that.' },
        { type: 'text', text: 'Nor this.' },
        { type: 'tool-call', id: 'call_1', name: 'add', arguments: '{"b":2,"a":1}' },
      ],
    },
  ]);
});

test('audio answers are noted as lost', () => {
  const dropped = new Set<string>();
  readMessages([{ role: 'assistant', content: 'Hi.', audio: { id: 'audio_1' } }], dropped);
  assert.deepEqual([...dropped], ['messages.audio']);
});

test('signed reasoning details survive, and count instead of the plain text (O-05)', () => {
  const message = {
    role: 'assistant',
    content: 'Yes.',
    reasoning: 'Plain.',
    reasoning_details: [
      { type: 'reasoning.text', text: 'Signed.', signature: 'c2ln' },
      { type: 'reasoning.text', text: 'Unsigned.' },
      { type: 'reasoning.encrypted', data: 'ZW5j' },
      { type: 'reasoning.summary', summary: 'Short.' },
    ],
  };
  assert.deepEqual(read(message)[0], {
    role: 'assistant',
    parts: [
      { type: 'reasoning', text: 'Signed.', signature: 'c2ln' },
      { type: 'redacted-reasoning', data: 'ZW5j' },
      { type: 'text', text: 'Yes.' },
    ],
  });
});

test('arguments stay as they were given; objects become their JSON', () => {
  const message = calling(['a', 'f', '{"z": 1, "a" :2}'], ['b', 'f', { x: 1 }], ['c', 'f', null]);
  const [turn] = read(message);
  assert.ok(turn?.role === 'assistant');
  assert.deepEqual(
    turn.parts.map((part) => (part.type === 'tool-call' ? part.arguments : null)),
    ['{"z": 1, "a" :2}', '{"x":1}', '{}'],
  );
  const empty = { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f' } }] };
  assert.deepEqual(read(empty)[0], {
    role: 'assistant',
    parts: [{ type: 'tool-call', id: 'a', name: 'f', arguments: '' }],
  });
});

test('a call without id or name is refused with its place', () => {
  const broken = { role: 'assistant', tool_calls: [{ id: 'a', function: {} }] };
  assert.match(refusal(broken)[1], /^messages\.0\.tool_calls\.0\.function\.name: /);
  assert.match(
    refusal({ role: 'assistant', tool_calls: [{ function: { name: 'f' } }] })[1],
    /^messages\.0\.tool_calls\.0\.id: /,
  );
  assert.match(refusal({ role: 'tool', content: 'x' })[1], /^messages\.0\.tool_call_id: /);
});

test('a call carried twice in one message counts once (O-23)', () => {
  const message = {
    ...calling(['call_1', 'f', '{"a":1}']),
    content: [{ type: 'tool_use', id: 'call_1', name: 'f', input: { a: 1 } }],
  };
  assert.deepEqual(read(message)[0], {
    role: 'assistant',
    parts: [{ type: 'tool-call', id: 'call_1', name: 'f', arguments: '{"a":1}' }],
  });
});

test('a free-text call is read as a function of one string (O-13)', () => {
  const message = {
    role: 'assistant',
    tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'patch', input: '*** Begin\n"x"' } }],
  };
  assert.deepEqual(read(message)[0], {
    role: 'assistant',
    parts: [{ type: 'tool-call', id: 'c1', name: 'patch', arguments: '{"input":"*** Begin\\n\\"x\\""}' }],
  });
});

test('legacy function calls and their results find each other by ids made from places (O-04)', () => {
  const turns = read(
    user('Go.'),
    { role: 'assistant', content: null, function_call: { name: 'now', arguments: '{}' } },
    { role: 'function', name: 'now', content: 'noon' },
    { role: 'function', name: 'never', content: 'lost' },
  );
  assert.deepEqual(turns.slice(1), [
    { role: 'assistant', parts: [{ type: 'tool-call', id: 'call_1', name: 'now', arguments: '{}' }] },
    {
      role: 'user',
      parts: [
        { type: 'tool-result', id: 'call_1', isError: false, content: [{ type: 'text', text: 'noon' }] },
      ],
    },
    {
      role: 'user',
      parts: [
        {
          type: 'tool-result',
          id: 'function_never',
          isError: false,
          content: [{ type: 'text', text: 'lost' }],
        },
      ],
    },
  ]);
});

test('a tool result is never guessed to be an error, and may hold images (O-06)', () => {
  const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } };
  const [, turn] = read(calling(['a', 'f']), result('a', [{ type: 'text', text: '{"error":"x"}' }, image]));
  assert.deepEqual(turn, {
    role: 'user',
    parts: [
      {
        type: 'tool-result',
        id: 'a',
        isError: false,
        content: [
          { type: 'text', text: '{"error":"x"}' },
          { type: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'aGk=' } },
        ],
      },
    ],
  });
  assert.match(refusal(result('a', [{ type: 'file' }]))[1], /^messages\.0\.content\.0\.type: /);
});
