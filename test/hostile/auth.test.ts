/** What strangers get, and what is never written down (platform.md D3, rows 42, 44 and 55; D4, API5 and API9). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { anthropicStream, openaiStream } from '../support/mock-replies.ts';
import { ONE_TARGET_PLAN } from '../support/one-target-plan.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { request, sendRaw } from './raw-client.ts';

/** Texts that come in somewhere and must come out nowhere but in the answer of their own request. */
const CANARIES = {
  prompt: 'canary-prompt',
  answer: 'canary-answer',
  thinking: 'canary-thinking',
  toolName: 'canary_tool',
  toolArgument: 'canary-argument',
  metadata: 'canary-metadata',
  key: 'canary-key',
  unknownKey: 'canary-unknown',
  query: 'canary-query',
  cookie: 'canary-cookie',
  backendError: 'canary-backend-error',
  backendKey: 'backend-key',
  path: 'canary-path',
} as const;

let rig: Rig;
before(async () => {
  rig = await startRig(
    { LOG_LEVEL: 'trace' },
    `${ONE_TARGET_PLAN}limits: { firstByteSeconds: 1, bodyBytes: 100000 }\n`,
  );
});
after(() => rig.close());

test('a stranger learns nothing from the way a refusal differs', async () => {
  const bodies = new Set<string>();
  for (const body of [messages('claude-opus-5-5'), messages('no-such-model'), { broken: true }]) {
    const response = await fetch(`${rig.gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'canary-unknown' },
      body: JSON.stringify(body),
    });
    assert.equal(response.status, 401);
    bodies.add((await response.text()).replace(/req_\w+/, ''));
  }
  assert.equal(bodies.size, 1);
});

for (const credential of [
  "' OR 1=1 --",
  "x'; DROP TABLE records; --",
  "lgwp_' OR '1'='1",
  'lgws_" OR ""="',
  '%27%20OR%201',
]) {
  test(`a credential made of SQL is an unknown one like any other: ${credential}`, async () => {
    for (const headers of [{ 'x-api-key': credential }, { authorization: `Bearer ${credential}` }]) {
      const response = await fetch(`${rig.gateway.url}/quota`, { headers });
      assert.equal(response.status, 401);
      assert.doesNotMatch(await response.text(), /sql|syntax|OR 1|DROP/i);
    }
    assert.equal((await rig.get('/quota', 'free')).status, 200);
  });
}

test('strangers who ask for the health again and again cost the backends one question', async () => {
  const before = [rig.internal, rig.claude, rig.openai].map(({ asked }) => asked.models);
  await Promise.all(Array.from({ length: 200 }, async () => (await rig.get('/health')).text()));
  const asked = [rig.internal, rig.claude, rig.openai].map(
    (mock, index) => mock.asked.models - (before[index] ?? 0),
  );
  assert.ok(
    asked.every((count) => count <= 1),
    `${asked}`,
  );
});

test('metrics are not served where clients come', async () => {
  assert.equal((await rig.get('/metrics', 'enterprise')).status, 404);
});

test('a key in the address counts for nothing', async () => {
  for (const name of ['key', 'api_key', 'x-api-key', 'access_token', 'authorization']) {
    const response = await rig.get(`/quota?${name}=${KEYS.free}`);
    assert.equal(response.status, 401);
    await response.text();
  }
});

test('nothing of a whole day of requests is in log or metrics: no prompt, answer, key, token, cookie or address', async () => {
  const said = {
    text: CANARIES.answer,
    thinking: CANARIES.thinking,
    tools: [{ id: 'call_1', name: CANARIES.toolName, arguments: { x: CANARIES.toolArgument } }],
  };
  const failure = {
    status: 400,
    body: JSON.stringify({ error: { message: CANARIES.backendError, type: 'x' } }),
  };
  const tools = [{ name: CANARIES.toolName, description: CANARIES.prompt, input_schema: { type: 'object' } }];
  const more = { metadata: { user_id: CANARIES.metadata }, tools };
  for (const [mock, path, tier, body] of [
    [rig.claude, '/v1/messages', 'enterprise', messages('claude-opus-5-5', more)],
    [rig.internal, '/v1/messages', 'pro', messages('gpt-5', more)],
    [rig.claude, '/v1/chat/completions', 'enterprise', chat('claude-opus-5-5', { user: CANARIES.metadata })],
    [rig.internal, '/v1/chat/completions', 'pro', chat('gpt-5', { user: CANARIES.metadata })],
  ] as const) {
    const stream = mock === rig.claude ? anthropicStream(said) : openaiStream(said);
    mock.say(said, said);
    mock.reply(
      { ...stream, cut: { afterFrames: 5, by: 'reset' } },
      failure,
      { ...failure, status: 500 },
      { ...failure, status: 401 },
      { status: 200, headers: { 'content-type': 'text/html' }, body: CANARIES.answer },
      { status: 302, headers: { location: `http://127.0.0.1:1/${CANARIES.answer}` }, body: '' },
      { half: { text: CANARIES.answer } },
      { raw: CANARIES.answer },
      { beforeHeaders: 'stall' },
    );
    const headers = { cookie: CANARIES.cookie, 'x-claude-code-session-id': CANARIES.metadata };
    for (const part of [{}, { stream: true }, { stream: true }, {}, {}, {}, {}, {}, {}, {}, {}]) {
      await (await rig.post(`${path}?q=${CANARIES.query}`, tier, { ...body, ...part }, headers)).text();
    }
    mock.assertPlayed();
  }
  // Names of roles, types and fields that nobody knows are logged as what was left out; what they hold is not.
  const broken: readonly [string, unknown][] = [
    ['/v1/messages', `{"model":"gpt-5","messages":["${CANARIES.prompt}"`],
    ['/v1/messages', { model: 'gpt-5', messages: CANARIES.prompt }],
    ['/v1/messages', { model: CANARIES.prompt, messages: [] }],
    ['/v1/messages', { model: `${CANARIES.prompt} with a space`, messages: [] }],
    ['/v1/messages', messages('gpt-5', { messages: [{ role: 'odd-role', content: CANARIES.prompt }] })],
    [
      '/v1/messages',
      messages('gpt-5', {
        tools: [{ type: 'odd_tool', name: CANARIES.toolName, model: CANARIES.prompt }],
      }),
    ],
    [
      '/v1/chat/completions',
      chat('gpt-5', { messages: [{ role: 'user', content: [{ type: 'odd_part', text: CANARIES.prompt }] }] }),
    ],
    ['/v1/messages', messages('gpt-5', { filler: CANARIES.prompt.repeat(20_000) })],
    [`/${CANARIES.path}`, {}],
    [`/v1/models/${CANARIES.path}`, {}],
  ];
  rig.internal.reply(...Array.from({ length: 20 }, () => failure));
  for (const [path, body] of broken) await (await rig.post(path, 'pro', body)).text();
  for (const credential of [
    'Bearer canary-unknown',
    'Basic canary-unknown',
    'Bearer sk-ant-api03-canary-unknown',
    'Bearer eyJhbGciOiJub25lIn0.eyJjYW5hcnktdW5rbm93biI6MX0.canary-unknown',
    `Bearer ${'canary-unknown'.repeat(1000)}`,
  ]) {
    const body = JSON.stringify(messages('gpt-5'));
    const headers = [`authorization: ${credential}`, 'content-type: application/json'];
    await sendRaw(rig.gateway.url, request({ method: 'POST', path: '/v1/messages', headers, body }));
  }
  await sendRaw(rig.gateway.url, `GET /${CANARIES.path}\0 HTTP/1.1\r\nx-api-key: ${KEYS.free}\r\n\r\n`);
  await sendRaw(
    rig.gateway.url,
    request({ headers: [`x-api-key: ${KEYS.free}`, `x-a: ${CANARIES.cookie.repeat(4000)}`] }),
  );

  const metrics = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  const health = await (await rig.get('/health')).text();
  const written = { stdout: rig.gateway.stdout(), stderr: rig.gateway.stderr(), metrics, health };
  assert.ok(written.stderr.split('\n').length > 50);
  for (const [where, text] of Object.entries(written)) {
    for (const [what, canary] of Object.entries(CANARIES))
      assert.ok(!text.includes(canary), `${what} is in ${where}`);
    assert.doesNotMatch(text, /eyJhbGci|sk-ant-/);
  }
  for (const line of written.stderr.trim().split('\n')) assert.equal(typeof JSON.parse(line), 'object');
});
