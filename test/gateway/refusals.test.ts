import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chat, KEYS, messages, type Rig, startRig } from '../support/rig.ts';
import { within } from '../support/within.ts';

let rig: Rig;
before(async () => {
  rig = await startRig({}, 'limits: { bodyBytes: 100000, requestSeconds: 2 }\n');
});
after(() => rig.close());
beforeEach(() => {
  for (const mock of [rig.internal, rig.claude, rig.openai]) mock.reset();
});

interface AnthropicError {
  readonly type: string;
  readonly error: { readonly type: string; readonly message: string };
  readonly request_id: string;
}
interface OpenAIError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string | null;
    readonly param: null;
  };
}

async function used(tier: 'free' | 'pro'): Promise<number> {
  const standing = (await (await rig.get('/quota', tier)).json()) as { used: number; pending: number };
  assert.equal(standing.pending, 0);
  return standing.used;
}

for (const [what, body] of [
  ['broken JSON', '{"model":"claude-opus-5-5",'],
  ['no object', '[1,2,3]'],
  ['an empty body', ''],
  ['deep nesting', `{"model":"m","messages":${'['.repeat(3000)}${']'.repeat(3000)}}`],
  ['no model', '{"messages":[]}'],
  ['a model that is no name', '{"model":7,"messages":[]}'],
  ['a doubled model', '{"model":"a","model":"b"}'],
] as const) {
  test(`${what} is refused in the caller’s dialect, with no backend asked and nothing charged`, async () => {
    const before = await used('free');
    const anthropic = await rig.post('/v1/messages', 'free', body);
    assert.equal(anthropic.status, 400);
    const said = (await anthropic.json()) as AnthropicError;
    assert.equal(said.type, 'error');
    assert.equal(said.error.type, 'invalid_request_error');
    assert.equal(said.request_id, anthropic.headers.get('request-id'));
    const openai = await rig.post('/v1/chat/completions', 'free', body);
    assert.equal(openai.status, 400);
    assert.equal(((await openai.json()) as OpenAIError).error.type, 'invalid_request_error');
    assert.equal(await used('free'), before);
    rig.assertPlayed();
  });
}

test('a body of another type, or compressed, is refused', async () => {
  for (const headers of [{ 'content-type': 'text/plain' }, { 'content-encoding': 'gzip' }]) {
    const response = await rig.post('/v1/messages', 'free', messages('claude-opus-5-5'), headers);
    assert.equal(response.status, 415);
    await response.text();
  }
});

test('a body above the limit is refused before it is read, by its announced length and by counting', async () => {
  const large = JSON.stringify(messages('claude-opus-5-5', { filler: 'x'.repeat(200_000) }));
  const announced = await rig.post('/v1/messages', 'free', large);
  assert.equal(announced.status, 413);
  assert.equal(((await announced.json()) as AnthropicError).error.type, 'request_too_large');
  const chunked = await fetch(`${rig.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEYS.free}`, 'content-type': 'application/json' },
    body: ReadableStream.from([
      new TextEncoder().encode(large.slice(0, 150_000)),
      new TextEncoder().encode(large.slice(150_000)),
    ]),
    duplex: 'half',
  } as RequestInit);
  assert.equal(chunked.status, 413);
  await chunked.text();
  rig.assertPlayed();
});

test('a body that never ends is cut off in time, and nothing is held', async () => {
  const response = await within(
    10_000,
    'the refusal',
    new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(`${rig.gateway.url}/v1/messages`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${KEYS.free}`,
          'content-type': 'application/json',
          'content-length': 500,
        },
      });
      request.on('response', ({ statusCode }) => resolve(statusCode)).on('error', reject);
      request.write('{"model":"claude-opus-5-5"');
    }),
  );
  assert.equal(response, 408);
  assert.equal(((await (await rig.get('/quota', 'free')).json()) as { pending: number }).pending, 0);
  rig.assertPlayed();
});

test('unknown paths and methods are said in the caller’s dialect', async () => {
  const unknown = await rig.get('/v1/embeddings', 'free');
  assert.equal(unknown.status, 404);
  assert.equal(((await unknown.json()) as OpenAIError).error.code, 'not_found');
  const anthropic = await rig.get('/v1/nothing', 'free', { 'anthropic-version': '2023-06-01' });
  assert.equal(((await anthropic.json()) as AnthropicError).error.type, 'not_found_error');
  const method = await rig.get('/v1/messages', 'free');
  assert.equal(method.status, 405);
  assert.equal(method.headers.get('allow'), 'POST');
  await method.text();
});

test('no credential, an unknown one, a foreign one and two different ones are refused, each in one sentence', async () => {
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${rig.gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(messages('claude-opus-5-5')),
    });
    const { error } = (await response.json()) as AnthropicError;
    return {
      status: response.status,
      message: error.message,
      retry: response.headers.get('x-should-retry'),
      challenge: response.headers.get('www-authenticate'),
    };
  };
  const missing = await ask({});
  assert.equal(missing.status, 401);
  assert.equal(missing.retry, 'false');
  assert.match(missing.challenge ?? '', /^Bearer /);
  const unknown = await ask({ authorization: 'Bearer canary-unknown' });
  assert.equal(unknown.status, 401);
  assert.doesNotMatch(unknown.message, /canary/);
  const reason = /"code":"invalid_credential","cause":"[^"]+"/;
  const logged = async () => {
    while (!reason.test(rig.gateway.stderr())) await pause(20);
  };
  await within(2000, 'the reason in the log', logged());
  assert.doesNotMatch(rig.gateway.stderr(), /canary/);
  const foreign = await ask({ 'x-api-key': 'sk-ant-api03-canary' });
  assert.equal(foreign.status, 401);
  assert.match(foreign.message, /Anthropic/);
  assert.doesNotMatch(foreign.message, /canary/);
  const two = await ask({ authorization: `Bearer ${KEYS.free}`, 'x-api-key': KEYS.pro });
  assert.equal(two.status, 401);
  rig.assertPlayed();
});

test('either header is accepted, and a foreign key beside ours is dropped', async () => {
  rig.internal.say({}, {});
  for (const headers of [
    { 'x-api-key': KEYS.pro },
    { authorization: `Bearer ${KEYS.pro}`, 'x-api-key': 'sk-ant-canary' },
  ]) {
    const response = await fetch(`${rig.gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers } as Record<string, string>,
      body: JSON.stringify(messages('gpt-5')),
    });
    assert.equal(response.status, 200);
    await response.text();
  }
  rig.assertPlayed();
});

test('a model that is not there, or not in the tier, is a clear 404 that no client repeats', async () => {
  for (const model of ['no-such-model', 'gpt-5/../claude', 'axon/fast']) {
    const response = await rig.post('/v1/messages', 'free', messages(model));
    assert.equal(response.status, 404);
    assert.equal(response.headers.get('x-should-retry'), 'false');
    assert.equal(((await response.json()) as AnthropicError).error.type, 'not_found_error');
  }
  const openai = await rig.post('/v1/chat/completions', 'free', chat('no-such-model'));
  assert.equal(((await openai.json()) as OpenAIError).error.code, 'model_not_found');
  rig.assertPlayed();
});

test('a tool that would consult a model outside the tier is refused', async () => {
  const tools = [{ type: 'advisor_20260301', name: 'advisor', model: 'claude-opus-5-5' }];
  const response = await rig.post('/v1/messages', 'pro', messages('claude-haiku-5-5', { tools }));
  assert.equal(response.status, 403);
  await response.text();
  rig.assertPlayed();
});

/** Sends bytes as they are and collects what comes back until the socket ends. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(rig.gateway.url);
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

const AUTH = `authorization: Bearer ${KEYS.free}\r\n`;
for (const [what, text, status] of [
  ['two Hosts', `GET /quota HTTP/1.1\r\nhost: a\r\nhost: b\r\n${AUTH}\r\n`, 400],
  ['two Authorizations', `GET /quota HTTP/1.1\r\nhost: a\r\n${AUTH}authorization: Bearer other\r\n\r\n`, 400],
  [
    'gzip before chunked',
    `POST /v1/messages HTTP/1.1\r\nhost: a\r\n${AUTH}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['an absolute target', `GET http://elsewhere/quota HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n`, 400],
  ['dot segments', `GET /v1/../quota HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n`, 404],
  ['a fragment', `GET /quota#x HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n`, 404],
  ['encoded dots', `GET /v1/%2e%2e/quota HTTP/1.1\r\nhost: a\r\n${AUTH}\r\n`, 404],
  [
    'content-length and chunked',
    `POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
] as const) {
  test(`${what} in a request is refused`, async () => {
    assert.match(await within(5000, what, raw(text)), new RegExp(`^HTTP/1.1 ${status} `));
    rig.assertPlayed();
  });
}

test('HEAD at the start of Claude Code is answered at once', async () => {
  for (const path of ['/', '/api/hello', '/v1/api/hello']) {
    const response = await fetch(rig.gateway.url + path, { method: 'HEAD' });
    assert.equal(response.status, 200);
  }
});
