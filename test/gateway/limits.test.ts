import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { dial, readAnswer, request, sendRaw } from '../hostile/raw-client.ts';
import { anthropicStream } from '../support/mock-replies.ts';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { parseSse } from '../support/sse.ts';
import { within } from '../support/within.ts';

let rig: Rig;
before(async () => {
  rig = await startRig(
    {},
    'limits: { requests: 3, requestsPerUser: 2, answerSeconds: 3, requestSeconds: 1, headersSeconds: 1 }\n',
  );
});
after(() => rig.close());

interface Said {
  readonly error: { readonly type: string; readonly code?: string; readonly message: string };
}

async function metric(name: string): Promise<string> {
  const text = await (await fetch(`${rig.gateway.metricsUrl}/metrics`)).text();
  return text.split('\n').find((line) => line.startsWith(name)) ?? '';
}

const quota = async () =>
  (await (await rig.get('/quota', 'free')).json()) as { readonly used: number; readonly pending: number };

test('requests beyond those of one user and beyond those of the process are refused in each dialect, and cost nothing', async () => {
  const stall = { beforeHeaders: 'stall' } as const;
  rig.internal.reply(stall, stall, stall);
  const open = [
    rig.post('/v1/messages', 'free', messages('claude-opus-5-5')),
    rig.post('/v1/messages', 'free', messages('claude-opus-5-5')),
  ];
  await rig.internal.request(2);

  const mine = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'));
  assert.deepEqual([mine.status, mine.headers.get('retry-after')], [429, '1']);
  const { error } = (await mine.json()) as Said;
  assert.equal(error.type, 'rate_limit_error');
  assert.match(error.message, /You have 2 requests under way/);

  open.push(rig.post('/v1/chat/completions', 'pro', chat('gpt-5')));
  await rig.internal.request(3);
  const anthropic = await rig.post('/v1/messages', 'enterprise', messages('claude-opus-5-5'));
  assert.equal(anthropic.status, 529);
  assert.equal(((await anthropic.json()) as Said).error.type, 'overloaded_error');
  const openai = await rig.post('/v1/chat/completions', 'enterprise', chat('gpt-5'));
  assert.deepEqual([openai.status, openai.headers.get('retry-after')], [503, '1']);
  assert.equal(((await openai.json()) as Said).error.code, 'gateway_overloaded');
  const counter = await rig.post('/v1/messages/count_tokens', 'enterprise', messages('claude-opus-5-5'));
  assert.equal(counter.status, 529);
  assert.equal((await fetch(`${rig.gateway.url}/livez`)).status, 200);

  // The whole answer may take three seconds, and not even its headers have come.
  for (const answer of await Promise.all(open)) assert.equal(answer.status, 504);
  assert.deepEqual(await quota(), { ...(await quota()), used: 0, pending: 0 });
  rig.internal.say({});
  assert.equal((await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'))).status, 200);
  rig.assertPlayed();
});

test('an answer that drips on is ended in its stream when its time is over', async () => {
  const { stream } = anthropicStream({ text: 'on and on' });
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.claude.reply({ steps: [...stream.slice(0, 4), promise, ...stream.slice(4)] });
  const response = await rig.post(
    '/v1/messages',
    'enterprise',
    messages('claude-opus-5-5', { stream: true }),
  );
  const last = parseSse(await within(5000, 'the end', response.text())).at(-1);
  resolve();
  assert.equal(last?.event, 'error');
  assert.match(last?.data ?? '', /not complete after 3 seconds/);
});

test('a body that comes too slowly is a 408 for the client, in its dialect, and in log and metric', async () => {
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  const bytes = request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: [`authorization: Bearer ${KEYS.pro}`, 'content-type: application/json'],
    body: JSON.stringify(chat('gpt-5')),
  });
  socket.write(bytes.slice(0, -20));
  const { status, body } = await within(6000, 'the refusal', answer);
  assert.equal(status, 408);
  assert.equal((JSON.parse(body) as Said).error.code, 'request_timeout');
  assert.match(
    await metric('gateway_requests_total{tier="pro",dialect="openai",backend="none",status="408"'),
    / 1$/,
  );
  // Written behind the answer.
  assert.match(rig.gateway.stderr(), /"status":408,"ending":"refused"[^\n]*"code":"request_timeout"/);
});

test('what cannot be read, and what comes to no endpoint, is counted and logged', async () => {
  const refused = (code: string) => metric(`gateway_requests_refused_total{code="${code}"}`);
  assert.equal((await sendRaw(rig.gateway.url, 'GET / HTTP/1.1\r\nhost : a\r\n\r\n')).status, 400);
  assert.match(await refused('invalid_request'), / 1$/);
  assert.equal(
    (await sendRaw(rig.gateway.url, `GET / HTTP/1.1\r\nx: ${'a'.repeat(40_000)}\r\n\r\n`)).status,
    431,
  );
  assert.match(await refused('headers_too_large'), / 1$/);
  const dumb = await dial(rig.gateway.url);
  assert.equal((await within(6000, 'the refusal', readAnswer(dumb))).status, 408);
  assert.match(await refused('request_timeout'), / 1$/);
  assert.equal((await fetch(`${rig.gateway.url}/nowhere`)).status, 404);
  assert.match(await refused('route_not_found'), / 1$/);
  assert.equal((await fetch(`${rig.gateway.url}/quota`)).status, 401);
  assert.match(await refused('missing_credential'), / 1$/);
  await pause(50);
  for (const code of [
    'invalid_request',
    'headers_too_large',
    'request_timeout',
    'route_not_found',
    'missing_credential',
  ]) {
    assert.match(
      rig.gateway.stderr(),
      new RegExp(`"request_id":"req_\\w+","code":"${code}","msg":"request refused"`),
    );
  }
});

test('a body that breaks HTTP half-way is refused in the caller’s dialect, and the connection ends', async () => {
  const socket = await dial(rig.gateway.url);
  const answer = readAnswer(socket);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${KEYS.pro}\r\n` +
      'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"mod\r\nzz\r\n',
  );
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const { status, body } = await within(6000, 'the refusal', answer);
  assert.equal(status, 400);
  assert.equal((JSON.parse(body) as Said).error.type, 'invalid_request_error');
  await within(5000, 'the end', closed);
});

test('a backend that takes the connection and never speaks TLS is given up in time', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const own = await startRig(
    { INTERNAL_LLM_URL: `https://127.0.0.1:${port}`, INTERNAL_LLM_MODEL: 'qwen3-32b' },
    'limits: { connectSeconds: 0.5 }\n',
  );
  try {
    const answer = within(5000, 'the refusal', own.post('/v1/messages', 'free', messages('gpt-5')));
    assert.equal((await answer).status, 502);
    const { used } = (await (await own.get('/quota', 'free')).json()) as { readonly used: number };
    assert.equal(used, 0);
  } finally {
    await own.close();
    silent.close();
  }
});
