/** What a Responses client sees of the gateway itself: refusals, headers, models, counts, kept responses. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { errorReply } from '../support/mock-replies.ts';
import { KEYS, type Rig, startRig, type TierName } from '../support/rig.ts';
import { skipBecause } from '../support/skip.ts';
import { parseSse, payloadsOf } from '../support/sse.ts';
import { findValkey, startValkey } from '../support/valkey-server.ts';

/** No model stands in for another, so that a failure is seen. */
const PLAN = `tiers:
  free: { rank: 0, requestsPerDay: 10, routes: [{ match: 'models-of:internal', to: internal }] }
  pro: { rank: 10, requestsPerDay: 1000, routes: [{ match: gpt, to: internal/default }] }
  enterprise:
    rank: 20
    requestsPerDay: null
    routes:
      - { match: 'models-of:internal', to: internal }
      - { match: claude, to: claude }
      - { match: gpt, to: openai }
`;

let rig: Rig;
let keeping: Rig;
before(async () => {
  rig = await startRig({}, PLAN);
  keeping = await startRig({}, 'responses:\n  keepHours: 1\n');
});
after(async () => {
  await rig?.close();
  await keeping?.close();
});
beforeEach(() => {
  for (const { internal, claude, openai } of [rig, keeping])
    for (const backend of [internal, claude, openai]) backend.reset();
});

type Json = Record<string, unknown>;
const jsonOf = async (response: Response) => (await response.json()) as Json;
const errorOf = async (response: Response) => (await jsonOf(response)).error as Json;
const message = (text: string) => ({ role: 'user', content: text });
const EVENTS = { accept: 'text/event-stream' };
const ask = (to: Rig, tier: TierName, body: Json, headers: Record<string, string> = {}) =>
  to.post('/v1/responses', tier, { input: 'Hello', ...body }, headers);

test('an answer carries what Codex keeps of a limit, and nothing that OpenAI says of its own', async () => {
  rig.openai.say({ text: 'Hi.' }, { text: 'Hi.' });
  for (const stream of [false, true]) {
    const response = await ask(rig, 'enterprise', { model: 'gpt-5', stream });
    assert.equal(response.status, 200, await response.clone().text());
    for (const name of ['openai-model', 'x-models-etag', 'x-codex-plan-type', 'set-cookie'])
      assert.equal(response.headers.get(name), null, name);
    assert.equal(response.headers.get('x-codex-primary-used-percent'), null, 'unlimited');
    await response.arrayBuffer();
  }
  rig.internal.say({ text: 'Hi.' });
  const limited = await ask(rig, 'pro', { model: 'gpt-5' });
  assert.match(limited.headers.get('x-codex-primary-used-percent') ?? '', /^0\.\d+$/);
  assert.equal(limited.headers.get('x-codex-primary-window-minutes'), '1440');
  await limited.arrayBuffer();
  rig.assertPlayed();
});

test('what Codex tells of the person at work stays here, byte for byte apart from it', async () => {
  rig.openai.say({ text: 'Hi.' });
  const body = '{ "model":"gpt-5" ,"client_metadata": {"remote":"secret"}, "input":"Hello", "store":true}';
  const response = await rig.post('/v1/responses', 'enterprise', body, {
    'x-codex-turn-metadata': '{"remote":"secret"}',
    'session-id': 'secret',
  });
  assert.equal(response.status, 200, await response.text());
  assert.equal(rig.openai.requests[0]?.body.toString(), '{ "model":"gpt-5" ,"input":"Hello", "store":false}');
  rig.assertPlayed();
});

test('a failure is a status to an SDK and a failed stream to a reader of events alone', async () => {
  const busy = errorReply('openai', 503, 'server_error', 'The engine is overloaded.');
  rig.openai.reply(busy, busy);
  const sdk = await ask(rig, 'enterprise', { model: 'gpt-5', stream: true }, { accept: 'application/json' });
  assert.equal(sdk.status, 503);
  assert.equal((await errorOf(sdk)).message, 'The engine is overloaded.');
  const codex = await ask(rig, 'enterprise', { model: 'gpt-5', stream: true }, EVENTS);
  assert.equal(codex.status, 200);
  const [failed, ...more] = payloadsOf(parseSse(await codex.text()));
  assert.deepEqual([failed?.type, more], ['response.failed', []]);
  const { error, id } = failed?.response as { error: Json; id: string };
  assert.equal(error.code, 'server_is_overloaded');
  assert.match(id, /^resp_/);
  rig.assertPlayed();
});

test('a long wait is not told to Codex, which would sit it out in silence', async () => {
  const limited = (after: string) =>
    errorReply('openai', 429, 'rate_limit_error', 'Slow down.', { 'retry-after': after });
  rig.openai.reply(limited('86000'), limited('55'));
  const long = await ask(rig, 'enterprise', { model: 'gpt-5' });
  assert.deepEqual([long.status, long.headers.get('retry-after')], [429, null]);
  const short = await ask(rig, 'enterprise', { model: 'gpt-5' });
  assert.deepEqual([short.status, short.headers.get('retry-after')], [429, '55']);
  assert.equal((await errorOf(short)).code, 'rate_limit_exceeded');
  await long.arrayBuffer();
  rig.assertPlayed();
});

test('a model that the tier does not include is told by the code at which Codex stops', async () => {
  const response = await ask(rig, 'free', { model: 'mistral-large' });
  assert.ok([403, 404].includes(response.status));
  const { code, message } = await errorOf(response);
  assert.equal(code, 'model_not_found');
  assert.match(String(message), /mistral-large/);
});

test('one body lists models for OpenAI clients and for Codex, and is not sent twice', async () => {
  const response = await rig.get('/v1/models?client_version=0.169.0', 'enterprise');
  const { data, models } = (await response.json()) as { data: { id: string }[]; models: Json[] };
  const ids = data.map(({ id }) => id);
  assert.deepEqual(ids, ['qwen3-32b', 'claude-haiku-5-5', 'claude-opus-5-5', 'gpt-5']);
  const slugs = models.map(({ slug }) => slug);
  assert.deepEqual(slugs, ids.slice(0, 3), 'Codex knows what OpenAI serves better than we do');
  for (const model of models) {
    for (const field of REQUIRED) assert.ok(model[field] !== undefined, `${model.slug}: ${field}`);
    assert.notEqual(model.base_instructions, '');
  }
  const etag = response.headers.get('etag') ?? '';
  assert.match(etag, /^"[\w-]+"$/);
  const again = await rig.get('/v1/models', 'enterprise', { 'if-none-match': etag });
  assert.deepEqual([again.status, await again.text()], [304, '']);
  const free = await jsonOf(await rig.get('/v1/models', 'free'));
  assert.deepEqual(
    (free.models as Json[]).map(({ slug }) => slug),
    ['qwen3-32b'],
  );
});

/** Without any of these Codex does not take the list (codex.md §3). */
const REQUIRED = [
  ...['slug', 'display_name', 'supported_reasoning_levels', 'shell_type', 'visibility', 'supported_in_api'],
  ...['priority', 'support_verbosity', 'truncation_policy', 'experimental_supported_tools'],
  'base_instructions',
];

test('the window that the operator set is the one that Codex is told', async () => {
  const windowed = await startRig(
    {},
    'backends:\n  internal:\n    kind: internal\n    url: http://127.0.0.1:9\n    models: [tiny]\n    contextWindow: 4096\n',
  );
  try {
    const { models } = await jsonOf(await windowed.get('/v1/models', 'free'));
    assert.equal((models as Json[])[0]?.context_window, 4096);
  } finally {
    await windowed.close();
  }
});

test('tokens of a Responses request are counted for free', async () => {
  const body = { model: 'qwen3-32b', input: 'Count me, please, as well as you can.' };
  const response = await rig.post('/v1/responses/input_tokens', 'free', body);
  const { object, input_tokens } = await jsonOf(response);
  assert.equal(object, 'response.input_tokens');
  assert.ok(Number(input_tokens) > 8);
});

for (const [what, fields, code] of [
  ['an earlier response', { previous_response_id: 'resp_1' }, 'not_supported'],
  ['a conversation', { conversation: 'conv_1' }, 'not_supported'],
  ['an answer in the background', { background: true }, 'not_supported'],
] as const) {
  test(`${what} is refused before any backend where nothing is kept`, async () => {
    for (const [tier, model] of [
      ['enterprise', 'gpt-5'],
      ['pro', 'gpt-5'],
    ] as const) {
      const response = await ask(rig, tier, { model, ...fields });
      assert.equal(response.status, 400);
      assert.equal((await errorOf(response)).code, code);
    }
    rig.assertPlayed();
  });
}

test('tokens of what is kept elsewhere are not counted', async () => {
  const body = { model: 'gpt-5', input: 'Hi', previous_response_id: 'resp_1' };
  const response = await rig.post('/v1/responses/input_tokens', 'enterprise', body);
  assert.equal(response.status, 400);
  assert.equal((await errorOf(response)).code, 'not_supported');
});

test('nothing can be read where nothing is kept', async () => {
  const response = await rig.get('/v1/responses/resp_1', 'pro');
  assert.deepEqual(
    [response.status, (await errorOf(response)).message],
    [404, 'This gateway keeps no responses.'],
  );
});

for (const stream of [false, true]) {
  for (const [format, tier, model] of [
    ['Responses', 'enterprise', 'gpt-5'],
    ['Chat Completions', 'pro', 'gpt-5'],
    ['Messages', 'enterprise', 'claude-opus-5-5'],
  ] as const) {
    test(`a kept response over ${format} is gone on with (${stream ? 'stream' : 'whole'})`, async () => {
      const backend = {
        Responses: keeping.openai,
        'Chat Completions': keeping.internal,
        Messages: keeping.claude,
      }[format];
      backend.say({ text: 'I am Ada.' }, { text: 'I said Ada.' });
      const first = await ask(keeping, tier, { model, stream, store: true, input: 'Who are you?' });
      const told = await responsesIn(first, stream);
      for (const { store, previous_response_id } of told)
        assert.deepEqual([store, previous_response_id], [true, null]);
      const id = told.at(-1)?.id;
      const second = await ask(keeping, tier, {
        model,
        stream,
        previous_response_id: id,
        input: 'What did you say?',
      });
      assert.equal(second.status, 200, await second.clone().text());
      for (const { store, previous_response_id } of await responsesIn(second, stream))
        assert.deepEqual([store, previous_response_id], [false, id]);
      const asked = backend.requests[1]?.body.toString() ?? '';
      assert.match(asked, /Who are you\?.*I am Ada\..*What did you say\?/s);
      assert.doesNotMatch(asked, /previous_response_id|"store":true/);
      keeping.assertPlayed();
    });
  }
}

/** The response, as often as it was told: in a stream at the beginning and at the end. */
async function responsesIn(response: Response, stream: boolean): Promise<readonly Json[]> {
  if (!stream) return [await jsonOf(response)];
  const events = payloadsOf(parseSse(await response.text()));
  assert.equal(events.at(-1)?.type, 'response.completed');
  const told = events.flatMap(({ response }) => (response === undefined ? [] : [response as Json]));
  assert.ok(told.length >= 3);
  return told;
}

const idOf = async (response: Response) => String((await jsonOf(response)).id);

test('where nothing is kept, no answer says that it is', async () => {
  rig.internal.say({ text: 'Hi.' });
  rig.openai.say({ text: 'Hi.' });
  for (const tier of ['pro', 'enterprise'] as const) {
    const { store } = await jsonOf(await ask(rig, tier, { model: 'gpt-5', store: true }));
    assert.equal(store, false, tier);
  }
  rig.assertPlayed();
});

for (const [format, tier, model] of [
  ['Responses', 'enterprise', 'gpt-5'],
  ['Chat Completions', 'pro', 'gpt-5'],
] as const) {
  test(`an item that a kept answer had is named by its id over ${format}`, async () => {
    const backend = format === 'Responses' ? keeping.openai : keeping.internal;
    backend.say({ text: 'I am Ada.' }, { text: 'I said Ada.' });
    const first = await jsonOf(await ask(keeping, tier, { model, store: true }));
    const [said] = first.output as Json[];
    assert.match(String(said?.id), /^msg_/);
    const input = [message('Who are you?'), { type: 'item_reference', id: said?.id }, message('Again?')];
    const second = await ask(keeping, tier, { model, input });
    assert.equal(second.status, 200, await second.clone().text());
    const asked = backend.requests[1]?.body.toString() ?? '';
    assert.match(asked, /Who are you\?.*I am Ada\..*Again\?/s);
    assert.doesNotMatch(asked, /item_reference/);
    keeping.assertPlayed();
  });
}

for (const [where, code, to] of [
  ['is not kept', null, () => keeping],
  ['cannot be kept', 'not_supported', () => rig],
] as const) {
  for (const reference of [{ type: 'item_reference', id: 'msg_theirs' }, { id: 'msg_theirs' }]) {
    test(`an item by id alone that ${where} reaches no backend (${Object.keys(reference)})`, async () => {
      for (const tier of ['enterprise', 'pro'] as const) {
        for (const path of ['/v1/responses', '/v1/responses/input_tokens']) {
          const body = { model: 'gpt-5', input: [message('Hi'), reference] };
          const response = await to().post(path, tier, body);
          assert.equal(response.status, 400);
          const error = await errorOf(response);
          assert.equal(error.code, code);
          assert.match(String(error.message), /^input\.1: .*send the item itself/);
        }
      }
      to().assertPlayed();
    });
  }
}

const program = findValkey();
const missing =
  program === null ? skipBecause('no valkey-server or redis-server: an outage of the kept responses') : false;

test('a store that is away is 503 in the envelope, for all that refers to it', {
  skip: missing,
}, async () => {
  await using valkey = await startValkey(program ?? '');
  const kept = await startRig({ QUOTA_REDIS_URL: valkey.url }, 'responses:\n  keepHours: 1\n');
  try {
    await valkey.stop('SIGKILL');
    const asked = { model: 'gpt-5', input: [message('Hi'), { type: 'item_reference', id: 'msg_1' }] };
    for (const response of [
      await ask(kept, 'enterprise', { model: 'gpt-5', previous_response_id: 'resp_1' }),
      await ask(kept, 'enterprise', asked),
      await kept.get('/v1/responses/resp_1', 'enterprise'),
    ]) {
      assert.equal(response.status, 503, await response.clone().text());
      const { type, code, message: said } = await errorOf(response);
      assert.deepEqual([type, code], ['server_error', 'store_unavailable']);
      assert.match(String(said), /try again/);
    }
    kept.assertPlayed();
  } finally {
    await kept.close();
  }
});

test('a kept response is read and deleted by its user alone', async () => {
  keeping.internal.say({ text: 'Mine.' });
  const id = await idOf(await ask(keeping, 'pro', { model: 'gpt-5', store: true }));
  for (const [path, tier] of [
    [`/v1/responses/${id}`, 'enterprise'],
    ['/v1/responses/resp_none', 'pro'],
  ] as const) {
    assert.equal((await keeping.get(path, tier)).status, 404);
  }
  const read = await jsonOf(await keeping.get(`/v1/responses/${id}`, 'pro'));
  assert.deepEqual([read.id, read.object], [id, 'response']);
  const remove = () =>
    fetch(`${keeping.gateway.url}/v1/responses/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${KEYS.pro}` },
    });
  assert.deepEqual(await jsonOf(await remove()), { id, object: 'response.deleted', deleted: true });
  assert.equal((await remove()).status, 404);
  const gone = await ask(keeping, 'pro', { model: 'gpt-5', previous_response_id: id });
  assert.equal(gone.status, 400);
  assert.equal((await errorOf(gone)).code, 'previous_response_not_found');
  keeping.assertPlayed();
});

test('an answer is not kept unasked', async () => {
  keeping.internal.say({ text: 'Gone.' });
  const id = await idOf(await ask(keeping, 'pro', { model: 'gpt-5' }));
  assert.equal((await keeping.get(`/v1/responses/${id}`, 'pro')).status, 404);
});

const callOf = (id: string) => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
const outputOf = (id: string) => ({ type: 'function_call_output', call_id: id, output: 'done' });

for (const [what, body] of [
  ['an output that nobody asked for', { input: [message('Hi'), outputOf('call_9')] }],
  ['two calls of one id', { input: [message('Hi'), callOf('c'), callOf('c'), outputOf('c'), outputOf('c')] }],
  ['an item of a type that nobody knows', { input: [message('Hi'), { type: 'crystal_ball' }] }],
  ['an item that is none', { input: [message('Hi'), 7] }],
  ['an input of the wrong shape', { input: { text: 'Hi' } }],
  ['no input', { input: undefined }],
  ['tools of the wrong shape', { input: 'Hi', tools: { f: 1 } }],
  ['a list of ten thousand items', { input: Array(10_000).fill(message('Hi')) }],
] as const) {
  test(`${what} is refused in the envelope of Responses, and costs nothing`, async () => {
    const used = async () => (await jsonOf(await rig.get('/quota', 'pro'))).used;
    const before = await used();
    const response = await ask(rig, 'pro', { model: 'gpt-5', ...body });
    assert.equal(response.status, 400, await response.clone().text());
    const { type, message: said } = await errorOf(response);
    assert.equal(type, 'invalid_request_error');
    assert.match(String(said), /\w/);
    assert.equal(await used(), before);
    rig.assertPlayed();
  });
}
