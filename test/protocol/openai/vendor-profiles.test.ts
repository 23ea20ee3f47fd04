/** What each named profile makes of one and the same request: a conversation in the middle of its second tool loop. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnthropicRequest } from '../../../src/protocol/anthropic/read-request.ts';
import { createToolIdWriter } from '../../../src/protocol/openai/tool-ids.ts';
import { writeOpenAIRequest } from '../../../src/protocol/openai/write-request.ts';
import { PROFILES, type ProfileName } from '../../../src/protocol/profile.ts';
import { sha256 } from '../../support/openai-to-anthropic.ts';

const thought = (thinking: string) => ({ type: 'thinking', thinking, signature: '' });
const use = (id: string) => ({ type: 'tool_use', id, name: 'look', input: {} });
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'seen' });

const REQUEST = {
  max_tokens: 10,
  stream: true,
  system: 'Be brief.',
  top_k: 20,
  stop_sequences: ['a', 'b', 'c', 'd', 'e', 'f'],
  service_tier: 'standard_only',
  metadata: { user_id: '{"device_id":"d","session_id":"s"}' },
  tools: [{ name: 'look', input_schema: { type: 'object', properties: {} } }],
  messages: [
    {
      role: 'user',
      content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } }],
    },
    { role: 'assistant', content: [thought('first'), use('toolu_1')] },
    { role: 'user', content: [result('toolu_1')] },
    { role: 'user', content: 'Again.' },
    { role: 'assistant', content: [thought('second'), use('toolu_2')] },
    { role: 'user', content: [result('toolu_2')] },
  ],
};
const REASONING = ['chat_template_kwargs', 'enable_thinking', 'thinking', 'reasoning_effort'];

type Body = Readonly<Record<string, unknown>>;
type Message = Body & { readonly tool_calls?: readonly { readonly id: string }[] };

function bodyFor(name: ProfileName, more: object = {}): Body {
  const conversation = readAnthropicRequest({ ...REQUEST, ...more });
  return writeOpenAIRequest(conversation, { model: 'm', profile: PROFILES[name], hash: sha256 }).body;
}

const pick = (body: Body, names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => (name in body ? [[name, body[name]]] : [])));

/** The parts of the body in which vendors differ. */
function traitsOf(name: ProfileName) {
  const body = bodyFor(name);
  const messages = body.messages as readonly Message[];
  const calls = messages.filter(({ tool_calls }) => tool_calls !== undefined);
  return {
    system: messages[0]?.role,
    limit: ['max_tokens', 'max_completion_tokens'].filter((key) => key in body),
    stop: (body.stop as readonly string[] | undefined)?.length ?? 0,
    topK: 'top_k' in body,
    usage: 'stream_options' in body,
    who: ['user', 'safety_identifier', 'prompt_cache_key', 'service_tier'].filter((key) => key in body),
    sees: JSON.stringify(messages).includes('image_url'),
    ids: calls.map(({ tool_calls }) => tool_calls?.[0]?.id),
    replayed: calls.map((call) => Object.values(pick(call, ['reasoning', 'reasoning_content']))[0] ?? null),
    replayedAs: Object.keys(pick(calls[1] ?? {}, ['reasoning', 'reasoning_content'])),
    on: pick(
      bodyFor(name, { thinking: { type: 'adaptive' }, output_config: { effort: 'max' }, tools: [] }),
      REASONING,
    ),
    unsaid: pick(body, REASONING),
    off: pick(bodyFor(name, { thinking: { type: 'disabled' }, tools: [] }), REASONING),
  };
}

const SERVICE = {
  system: 'system',
  limit: ['max_tokens'],
  stop: 4,
  topK: false,
  usage: true,
  who: [],
  sees: true,
  ids: ['toolu_1', 'toolu_2'],
  replayed: [null, null],
  replayedAs: [],
  on: {},
  unsaid: {},
  off: {},
};
const TEMPLATE = {
  ...SERVICE,
  stop: 6,
  topK: true,
  replayed: [null, 'second'],
  replayedAs: ['reasoning'],
  on: { chat_template_kwargs: { enable_thinking: true } },
  unsaid: { chat_template_kwargs: { enable_thinking: false } },
  off: { chat_template_kwargs: { enable_thinking: false } },
};
const OPENAI = {
  ...SERVICE,
  system: 'developer',
  limit: ['max_completion_tokens'],
  who: ['safety_identifier', 'prompt_cache_key', 'service_tier'],
  on: { reasoning_effort: 'xhigh' },
  off: { reasoning_effort: 'minimal' },
};
const REPLAYED = { replayed: ['first', 'second'], replayedAs: ['reasoning_content'] };
const OFF = { thinking: { type: 'disabled' } };

const mistralId = createToolIdWriter('mistral', sha256);

const ROWS: Readonly<Record<ProfileName, ReturnType<typeof traitsOf>>> = {
  vllm: TEMPLATE,
  llamacpp: { ...TEMPLATE, replayedAs: ['reasoning_content'] },
  openai: OPENAI,
  azure: { ...OPENAI, who: ['user'] },
  generic: SERVICE,
  deepseek: {
    ...SERVICE,
    ...REPLAYED,
    stop: 6,
    sees: false,
    on: { thinking: { type: 'enabled' }, reasoning_effort: 'max' },
    unsaid: OFF,
    off: OFF,
  },
  glm: {
    ...SERVICE,
    ...REPLAYED,
    stop: 1,
    on: { thinking: { type: 'enabled' } },
    unsaid: OFF,
    off: OFF,
  },
  groq: { ...SERVICE, limit: ['max_completion_tokens'], who: ['user'] },
  kimi: { ...SERVICE, ...REPLAYED, stop: 5, ids: ['functions.look:0', 'functions.look:1'] },
  mistral: { ...SERVICE, usage: false, ids: ['toolu_1', 'toolu_2'].map((id) => mistralId(id, 'look')) },
  openrouter: {
    ...SERVICE,
    topK: true,
    who: ['user'],
    replayed: [null, 'second'],
    replayedAs: ['reasoning'],
    on: { reasoning_effort: 'xhigh' },
    off: { reasoning_effort: 'none' },
  },
  qwen: {
    ...SERVICE,
    topK: true,
    on: { enable_thinking: true },
    unsaid: { enable_thinking: false },
    off: { enable_thinking: false },
  },
  xai: { ...SERVICE, stop: 0 },
};

for (const [name, traits] of Object.entries(ROWS)) {
  test(`the profile ${name} asks as its vendor understands`, () => {
    assert.deepEqual(traitsOf(name as ProfileName), traits);
  });
}
